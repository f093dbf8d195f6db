// Prints the results of the GraphQL over HTTP audit of the endpoint at argv[2]: a JSON list of {id, name, status, reason}.
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2], fetchFn: fetch });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
