// One file for Monaco's three workers, which share most of their code. Monaco creates each with its label as the name.
// `require`, not `import()`: the handler must be in place before the first message, which is already on its way.
switch (self.name) {
  case 'json':
    require('monaco-editor/esm/vs/language/json/json.worker.js');
    break;
  case 'graphql':
    require('monaco-graphql/esm/graphql.worker.js');
    break;
  default:
    require('monaco-editor/esm/vs/editor/editor.worker.js');
}
