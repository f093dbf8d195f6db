"""What untrusted clients may ask: `shape` bounds a document as it stands, `cost` the upstream calls it can make.

`trusted` has documents that are known beforehand, and `settings` what is configured of all this.
"""
