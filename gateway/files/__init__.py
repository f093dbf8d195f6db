"""`/files/{run id}/{path}`: the files of runs, passed on as they arrive from the providers that need a credential."""
