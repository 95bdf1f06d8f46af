import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import jest from 'eslint-plugin-jest';
import n from 'eslint-plugin-n';
import tseslint from 'typescript-eslint';

const pageMessage = 'A page knows no Node.js.';
const textOfOthers = {
  selector:
    ':matches(JSXAttribute[name.name="dangerouslySetInnerHTML"], JSXAttribute[name.name="srcdoc"], MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|setHTMLUnsafe|parseFromString)$/], MemberExpression[object.name="document"][property.name=/^(write|writeln)$/])',
  message: 'Text of others is text: nothing on the page is made of HTML.',
};
const timeMessage = 'Take time from an injected Clock (common/time/clock.ts).';
const ownTypes = ['*.test.ts', 'examples/**/*.ts', 'test/**/*.ts'].map((glob) => `**/${glob}`);

const lastingSignals = {
  selector: "MemberExpression[object.name='AbortSignal'][property.name='any']",
  message:
    'Node keeps a signal of AbortSignal.any for ever once it has a listener: use withDeadline or linkSignals (common/time/deadline.ts).',
};
const moduleArrows = {
  selector:
    ':matches(Program, ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator[id.typeAnnotation=undefined] > ArrowFunctionExpression[body.type="BlockStatement"]',
  message: 'A function of a module with a block is declared with `function`.',
};
const logSentences = {
  selector:
    'CallExpression[callee.property.name=/^(trace|debug|info|warn|error|fatal)$/]:matches([callee.object.name=/^log$/i], [callee.object.property.name="log"]) > Literal[value=/^(?!grpc|kubectl|npm|panelet)[a-z]|[^.][.]$/]',
  message: 'What is logged begins with a capital letter and has no period at its end.',
};

export default tseslint.config(
  { ignores: ['.panelet-devcluster/**', 'dist/**', 'proto/gen/**', 'node_modules/**', 'coverage/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { n },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'n/prefer-node-protocol': 'error',
      'no-console': 'error',
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: timeMessage },
        { name: 'setInterval', message: timeMessage },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: timeMessage },
        { object: 'performance', property: 'now', message: timeMessage },
        { object: 'Math', property: 'random', message: 'Take randomness from an injected Random (common/random.ts).' },
        { object: 'process', property: 'env', message: 'Read the environment in main files only.' },
        { object: 'process', property: 'argv', message: 'Read arguments in main files only.' },
      ],
      'no-restricted-syntax': ['error', lastingSignals, moduleArrows, logSentences],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      // Blank lines and comments count, as in scripts/house.mjs.
      'max-lines-per-function': ['error', { max: 60 }],
    },
  },
  {
    files: [
      'common/time/clock.ts',
      'common/random.ts',
      '**/main.ts',
      'client/board/page/main.tsx',
      'client/board/page/world/*.ts',
      '**/*-main.ts',
      'examples/**/*.ts',
      'test/**/*.ts',
      '**/*.test.ts',
    ],
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', lastingSignals],
      'no-console': 'off',
    },
  },
  {
    files: ['client/board/page/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['process', 'Buffer', 'global', 'require'].map((name) => ({ name, message: pageMessage })),
      ],
      'no-restricted-syntax': ['error', lastingSignals, moduleArrows, textOfOthers],
      'no-eval': 'error',
    },
  },
  {
    files: ownTypes,
    extends: [jest.configs['flat/recommended']],
    languageOptions: { globals: {} },
    settings: { jest: { globalPackage: '@jest/globals', version: 30 } },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      'jest/expect-expect': 'off',
      'jest/no-conditional-expect': 'off',
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['examples/**/*.js'],
    languageOptions: { globals: { CompressionStream: 'readonly', DecompressionStream: 'readonly' } },
  },
  prettier,
);
