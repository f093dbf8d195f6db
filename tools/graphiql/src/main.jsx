import { createRoot } from 'react-dom/client';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './page.css';
import { examplesPlugin } from './examples.jsx';
import { pageStorage } from './storage.js';

// A worker must come from the page's own origin under its content security policy: it lies next to this script.
const workerUrl = new URL('worker.js', document.currentScript.src);
globalThis.MonacoEnvironment = { getWorker: (_id, label) => new Worker(workerUrl, { name: label }) };

const { graphqlPath, examples } = JSON.parse(document.getElementById('graphiql-config').textContent);
const url = new URL(graphqlPath, location.href);
const storage = pageStorage(url.pathname);
const firstVisit = !storage?.getItem('graphiql:tabState');
const plugins = examples.length ? [HISTORY_PLUGIN, examplesPlugin(examples)] : [HISTORY_PLUGIN];

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={createGraphiQLFetcher({ url: url.href, subscriptionUrl: url.href.replace(/^http/, 'ws') })}
    storage={storage}
    plugins={plugins}
    defaultTabs={examples.length ? examples : undefined}
    // GraphiQL takes the first tab's query from defaultTabs but not its variables. Only for a first visit: given to
    // a returning visitor, they would open one more tab.
    initialVariables={firstVisit ? examples[0]?.variables : undefined}
    // The endpoint is our own and answers the whole introspection query.
    schemaDescription
    inputValueDeprecation
    defaultEditorToolsVisibility
    isHeadersEditorEnabled
    // Headers hold credentials, and local storage is no place for them.
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>RunGraph</GraphiQL.Logo>
  </GraphiQL>,
);
