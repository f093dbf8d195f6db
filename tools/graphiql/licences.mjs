import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

// Packages published without their licence's text, and a package of the same project or author that has it.
const SAME_LICENCE_AS = {
  '@graphiql/plugin-doc-explorer': 'graphiql',
  '@graphiql/plugin-history': 'graphiql',
  'react-compiler-runtime': 'react',
  'react-remove-scroll-bar': 'react-remove-scroll',
};

/** Name, version, licence and licence text of each package with bytes in the bundle; throws where a text is missing. */
export function licenceTexts(metafile, root) {
  const directories = new Set();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const directory = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (directory && bytesInOutput > 0) directories.add(directory);
    }
  }
  const packages = [...directories].map(directory => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'));
    const texts = textsIn(join(root, SAME_LICENCE_AS[name] ? `node_modules/${SAME_LICENCE_AS[name]}` : directory));
    if (!texts.length) throw new Error(`no licence text for ${name}`);
    return { title: `${name} ${version} (${license})`, texts };
  });
  packages.sort((a, b) => (a.title < b.title ? -1 : 1));
  const line = '='.repeat(80);
  const sections = packages.map(({ title, texts }) => [line, title, line, '', ...texts].join('\n'));
  return ['The GraphiQL bundle in this folder contains these packages.\n', ...sections].join('\n');
}

function textsIn(directory) {
  return readdirSync(directory)
    .filter(name => /^(licen[cs]e|notice|copying|third-?party-?notices)/i.test(name))
    .sort()
    .map(name => readFileSync(join(directory, name), 'utf8').replaceAll('\r\n', '\n').trim() + '\n');
}
