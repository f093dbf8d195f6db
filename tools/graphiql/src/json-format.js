// Stands in for Prettier's Babel parser and estree printer (0.6 MB), which GraphiQL uses only to indent JSON.
import { applyEdits, format } from 'jsonc-parser';

export const parsers = {
  jsonc: { parse: text => ({ text }), astFormat: 'jsonc-text', locStart: () => 0, locEnd: node => node.text.length },
};

export const printers = {
  'jsonc-text': {
    print({ node: { text } }) {
      return applyEdits(text, format(text, undefined, { tabSize: 2, insertSpaces: true }));
    },
  },
};
