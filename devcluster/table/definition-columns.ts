import { listAt, textAt, valueAt } from '../store/json-copy.js';
import { column, nameColumn, wideColumn, type ColumnSet } from './column-set.js';

/** Columns of custom resource definitions. */
export const definitionColumns: ColumnSet = {
  columns: [
    nameColumn,
    column('Scope', 'string', 'Cluster/Namespaced'),
    column('Versions', 'string', 'Served versions'),
    column('Created At', 'date', 'The server time when this object was created.'),
    wideColumn('Group', 'string', 'API group'),
    wideColumn('Kind', 'string', 'CustomResource kind'),
    wideColumn('ShortNames', 'string', 'Short names'),
    wideColumn('Established', 'boolean', 'Established status'),
  ],
  cells: (definition) => {
    const versions = listAt(definition, 'spec', 'versions')
      .filter((version) => version['served'] === true)
      .map((version) => textAt(version, 'name') + (version['storage'] === true ? '(storage)' : ''));
    const shortNames = valueAt(definition, 'spec', 'names', 'shortNames');
    const isEstablished = listAt(definition, 'status', 'conditions').some(
      (condition) => condition['type'] === 'Established' && condition['status'] === 'True',
    );
    return [
      definition.metadata.name,
      textAt(definition, 'spec', 'scope'),
      versions.sort().join(','),
      definition.metadata.creationTimestamp ?? '',
      textAt(definition, 'spec', 'group'),
      textAt(definition, 'spec', 'names', 'kind'),
      Array.isArray(shortNames) ? shortNames.join(',') : '',
      isEstablished,
    ];
  },
};
