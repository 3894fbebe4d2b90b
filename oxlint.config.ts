import { defineConfig } from 'oxlint'
import type { OxlintOverride } from 'oxlint'

// What the places where requests come in may call: the verbs, never the machinery behind them.
const edge = [
  'access',
  'http',
  'metrics',
  'refusal',
  'binding/',
  'hook/',
  'task/',
  'repository/',
  'run/',
  'credential/',
  'notify/',
  'audit/',
  'webhook/deliveries',
]
const edgeTypes = ['forge/forge', 'db/database', 'sync/sync', 'queue/queue']

// Who may import whom: `values` are folders or files that a folder may import from,
// `types` those it may only name with `import type`. Its own files are always allowed.
const table: Readonly<
  Record<string, { readonly values?: readonly string[]; readonly types?: readonly string[] }>
> = {
  git: {},
  queue: {},
  db: {},
  forge: {},
  credential: { values: ['db/'] },
  binding: { values: ['db/', 'credential/'], types: ['forge/forge'] },
  task: { values: ['db/', 'credential/', 'binding/'] },
  repository: { values: ['db/', 'credential/'], types: ['git/'] },
  sync: { values: ['git/'], types: ['binding/', 'task/'] },
  hook: { values: ['binding/', 'forge/', 'credential/', 'db/'] },
  notify: { values: ['db/'], types: ['credential/vault'] },
  audit: { values: ['db/'] },
  run: {
    values: ['binding/', 'task/', 'credential/', 'notify/outbox', 'audit/', 'db/'],
    types: ['sync/', 'queue/', 'git/'],
  },
  webhook: {
    values: [
      'forge/',
      'binding/',
      'task/',
      'run/request',
      'run/run',
      'credential/',
      'audit/',
      'hook/',
      'db/',
    ],
    types: ['queue/'],
  },
  schedule: {
    values: ['binding/', 'task/', 'hook/', 'run/request', 'run/run', 'run/backups', 'run/evidence', 'db/'],
    types: ['forge/forge-api', 'sync/', 'git/', 'queue/'],
  },
  'api/cerobot': { values: edge, types: edgeTypes },
  'api/v1': { values: edge, types: edgeTypes },
  dashboard: { values: edge, types: edgeTypes },
}

// Files that know nothing of any folder; every folder may use them.
const ground = [
  'backoff',
  'clock',
  'domain-error',
  'glob',
  'host-agent',
  'host-network',
  'ids',
  'log',
  'networks',
  'ports',
  'git/refs',
  'git/git-error',
]

const gitOnly = {
  regex: '^(?:execa|(?:node:)?child_process)$',
  message: 'Processes start in src/git/git.ts only.',
}
const clockOnly = { regex: '^(?:node:)?timers(?:/promises)?$', message: 'Use deps.clock.' }
const databaseOnly = {
  regex: '^(?:better-sqlite3|pg)$',
  message: 'Databases are opened in src/db/ only.',
}

// oxlint's regular expressions know no look-ahead, and a negated path of one pattern cancels
// another pattern: so the first pattern names what is allowed and the second what is not.
function importRules(folder: string): OxlintOverride[] {
  const { values = [], types = [] } = table[folder] ?? {}
  const shared = ground.map((name) => `!**/${name}.ts`)
  const allowed = values.map((name) => (name.endsWith('/') ? `!**/${name}**` : `!**/${name}.ts`))
  const known = new Set([folder, ...values, ...types].map((name) => name.split('/')[0]))
  const unknown = Object.keys(table).filter((other) => !known.has(other.split('/')[0]))
  const rules = (out: string): NonNullable<OxlintOverride['rules']> => ({
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: [`${out}**`, ...shared, ...allowed],
            message: `Not in the import table of src/${folder}: take it through deps, or import only its types.`,
            allowTypeImports: true,
          },
          {
            group: [...unknown.map((other) => `${out}${other}/**`), ...shared],
            message: `src/${folder} must not know this, not even its types.`,
          },
          clockOnly,
          ...(folder === 'git' ? [] : [gitOnly]),
          ...(folder === 'db' ? [] : [databaseOnly]),
        ],
      },
    ],
  })
  return [
    { files: [`src/${folder}/*.ts`], rules: rules('../') },
    { files: [`src/${folder}/*/**`], rules: rules('../../') },
  ]
}

export default defineConfig({
  options: { typeAware: true, reportUnusedDisableDirectives: 'error', denyWarnings: true },
  plugins: ['eslint', 'typescript', 'unicorn', 'oxc', 'import', 'node', 'promise', 'vitest'],
  categories: { correctness: 'error' },
  ignorePatterns: ['node_modules', 'coverage', 'src/dashboard/assets/**', 'test/fixtures/**'],
  rules: {
    eqeqeq: 'error',
    // Parsers of what git and forges send refuse control characters by naming them.
    'no-control-regex': 'off',
    'max-lines': ['error', { max: 300 }],
    'no-console': 'error',
    'no-else-return': 'error',
    'no-param-reassign': 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    'preserve-caught-error': 'error',
    'import/extensions': ['error', 'always', { ignorePackages: true }],
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'import/no-duplicates': 'error',
    'node/no-process-env': 'error',
    'oxc/no-barrel-file': ['error', { threshold: 0 }],
    'typescript/await-thenable': 'error',
    'typescript/ban-ts-comment': 'error',
    'typescript/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
    'typescript/consistent-type-definitions': ['error', 'type'],
    'typescript/consistent-type-imports': 'error',
    'typescript/no-deprecated': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': ['error', { checkThenables: true }],
    'typescript/no-misused-promises': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-unnecessary-type-assertion': 'error',
    'typescript/no-unsafe-argument': 'error',
    'typescript/no-unsafe-assignment': 'error',
    'typescript/no-unsafe-call': 'error',
    'typescript/no-unsafe-member-access': 'error',
    'typescript/no-unsafe-return': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/prefer-nullish-coalescing': 'error',
    'typescript/restrict-template-expressions': [
      'error',
      { allowNullish: false, allowAny: false, allowBoolean: true },
    ],
    'typescript/return-await': ['error', 'in-try-catch'],
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    // Kysely's builders and our records of functions are made to be taken apart.
    'typescript/unbound-method': 'off',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    'vitest/no-disabled-tests': 'error',
    'vitest/no-focused-tests': 'error',
  },
  overrides: [
    {
      files: ['src/**'],
      rules: {
        'no-restricted-globals': [
          'error',
          { name: 'setTimeout', message: 'Use deps.clock.' },
          { name: 'setInterval', message: 'Use deps.clock.' },
        ],
        'no-restricted-properties': [
          'error',
          { object: 'Date', property: 'now', message: 'Use deps.clock.' },
          { object: 'sql', property: 'raw', message: 'Build SQL from values, never from text.' },
        ],
      },
    },
    ...Object.keys(table).flatMap(importRules),
    { files: ['src/clock.ts'], rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' } },
    // The parsers that make brands: the only places where `as` is the honest word.
    {
      files: ['src/git/refs.ts', 'src/binding/address.ts'],
      rules: { 'typescript/consistent-type-assertions': 'off' },
    },
    { files: ['src/main.ts'], rules: { 'node/no-process-env': 'off' } },
    // What people run by hand talks to them.
    {
      files: ['demo/**', 'bench/**', 'test/**'],
      rules: { 'no-console': 'off', 'node/no-process-env': 'off' },
    },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
  ],
})
