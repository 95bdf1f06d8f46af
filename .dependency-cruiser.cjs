/** The arrows of docs/reference/architecture.md: who may import whom. */
const room = (name) => `^${name}/`;
const only = (from, allowed) => ({
  name: `${from}-imports`,
  comment: `${from} may import only: ${allowed.join(', ')}`,
  severity: 'error',
  from: { path: room(from), pathNot: '[.]test[.]ts$' },
  to: {
    path: '^(common|kube|session|client|worker|panel|agent|controller|devcluster|examples|test)/',
    pathNot: [from, ...allowed].map(room),
  },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    only('common', []),
    only('kube', ['common']),
    only('session', ['common']),
    only('client', ['common', 'session']),
    only('worker', ['common', 'session']),
    only('panel', ['common']),
    only('agent', ['common', 'kube']),
    only('controller', ['common', 'kube']),
    only('devcluster', ['common']),
    {
      name: 'kubernetes-client-in-kube-only',
      severity: 'error',
      from: {
        path: '^(common|kube|session|client|worker|panel|agent|controller|devcluster)/',
        pathNot: '^kube/client-node/',
      },
      to: { path: 'node_modules/@kubernetes/client-node', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'agent-speaks-kubernetes-plainly',
      comment: 'The Kubernetes client costs an agent 26 MiB of memory.',
      severity: 'error',
      from: { path: room('agent') },
      to: { path: '^kube/client-node/' },
    },
    {
      name: 'tests-stay-outside',
      severity: 'error',
      from: {
        path: '^(common|kube|session|client|worker|panel|agent|controller|devcluster)/',
        pathNot: '[.]test[.]ts$',
      },
      to: { path: '^(examples|test)/|[.]test[.]ts$' },
    },
    {
      name: 'the-page-runs-in-a-browser',
      comment: 'The page of the board knows what it says to its server, leaves of common/, and nothing of Node.js.',
      severity: 'error',
      from: { path: '^client/board/page/', pathNot: '[.]test[.]ts$' },
      to: { path: '^(client|session|kube)/', pathNot: '^client/board/(page|wire)/' },
    },
    {
      name: 'the-page-has-no-node',
      severity: 'error',
      from: { path: '^client/board/page/', pathNot: '[.]test[.]ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'nothing-else-knows-the-page',
      severity: 'error',
      from: {
        path: '^(client|session|kube|worker|panel|agent|controller|devcluster)/',
        pathNot: '^client/board/page/',
      },
      to: { path: '^client/board/page/' },
    },
    {
      name: 'session-is-pure',
      comment: 'The engine knows no transport, no file and no process.',
      severity: 'error',
      from: { path: room('session'), pathNot: '[.]test[.]ts$' },
      to: { path: '^(node:)?(fs|net|http2|child_process|fs/promises)$|@grpc/grpc-js' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['panelet-source', 'import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
