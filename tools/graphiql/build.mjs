// Bundles GraphiQL into gateway/static/graphiql. The same lock file gives the same bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { licenceTexts } from './licences.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../../gateway/static/graphiql');
const source = name => join(here, 'src', name);

const replaceHeavyModules = {
  name: 'replace-heavy-modules',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^prettier\/(plugins\/estree|parser-babel)$/ }, () => ({ path: source('json-format.js') }));
    // The same file under its older name, which would be bundled twice.
    onResolve({ filter: /^prettier\/parser-graphql$/ }, ({ importer, resolveDir, kind }) =>
      resolve('prettier/plugins/graphql', { importer, resolveDir, kind }),
    );
    onResolve({ filter: /^(monaco-graphql\/esm|\.)\/monaco-editor(\.js)?$/ }, ({ path, importer }) =>
      path.startsWith('.') && !importer.includes('monaco-graphql') ? undefined : { path: source('monaco.js') },
    );
  },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { graphiql: source('main.jsx'), worker: source('worker.js'), icon: source('icon.svg') },
  outdir: out,
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome111', 'firefox114', 'safari16.4'],
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.ttf': 'file', '.svg': 'copy' },
  assetNames: '[name]',
  legalComments: 'none', // in LICENSES.txt
  plugins: [replaceHeavyModules],
  metafile: true,
  logLevel: 'warning',
});

writeFileSync(join(out, 'LICENSES.txt'), licenceTexts(metafile, here));

// The assets' address holds this digest, so that they may be cached for ever.
const digest = createHash('sha256');
for (const name of readdirSync(out).sort()) digest.update(`${name}\0`).update(readFileSync(join(out, name)));
const { version } = JSON.parse(readFileSync(join(here, 'node_modules/graphiql/package.json'), 'utf8'));
writeFileSync(join(out, 'VERSION'), `${version}-${digest.digest('hex').slice(0, 12)}\n`);
