import { UnStyledButton, useGraphiQL, useGraphiQLActions } from '@graphiql/react';

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M4 6h2M4 12h2M4 18h2M9 6h11M9 12h11M9 18h11" strokeLinecap="round" />
    </svg>
  );
}

function Examples({ examples }) {
  const { addTab } = useGraphiQLActions();
  const queryEditor = useGraphiQL(state => state.queryEditor);
  const variableEditor = useGraphiQL(state => state.variableEditor);
  const open = example => {
    addTab();
    variableEditor?.setValue(example.variables);
    queryEditor?.setValue(example.query);
  };
  return (
    <section aria-label="Examples" className="rungraph-examples">
      <div className="graphiql-history-header">Examples</div>
      <ul className="graphiql-history-items">
        {examples.map(example => (
          <li key={example.title} className="graphiql-history-item">
            <UnStyledButton type="button" className="graphiql-history-item-label" onClick={() => open(example)}>
              {example.title}
            </UnStyledButton>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The side panel from which a visitor whose tabs are their own opens an example in a new tab. */
export function examplesPlugin(examples) {
  return { title: 'Examples', icon: ExamplesIcon, content: () => <Examples examples={examples} /> };
}
