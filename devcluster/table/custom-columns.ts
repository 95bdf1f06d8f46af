import { ageColumn, nameColumn, type ColumnSet } from './column-set.js';
import { timeSince } from './human-duration.js';
import { compileJsonPath } from './json-path.js';

/** A printer column of a custom resource definition. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
}

function cellOf(column: PrinterColumn, found: readonly unknown[], nowMs: number): unknown {
  const [value] = found;
  if (value === undefined || value === null) return null;
  if (column.type === 'date') return timeSince(value, nowMs);
  if (found.length > 1 && column.type === 'string') return found.map(String).join(',');
  const isText = column.type === 'string' && typeof value !== 'string';
  return isText || typeof value === 'object' ? JSON.stringify(value) : value;
}

/** Columns of a custom resource; name and age when its definition names none. */
export function createCustomColumns(printerColumns: readonly PrinterColumn[]): ColumnSet {
  const readers = printerColumns.map((column) => ({ column, read: compileJsonPath(column.jsonPath) }));
  if (readers.length === 0) {
    return {
      columns: [nameColumn, { ...ageColumn, type: 'date' }],
      cells: ({ metadata }, nowMs) => [metadata.name, timeSince(metadata.creationTimestamp, nowMs)],
    };
  }
  return {
    columns: [
      nameColumn,
      ...printerColumns.map(({ name, type, format = '', description, jsonPath, priority = 0 }) => ({
        name,
        type,
        format,
        description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
        priority,
      })),
    ],
    cells: (object, nowMs) => [
      object.metadata.name,
      ...readers.map(({ column, read }) => cellOf(column, read(object), nowMs)),
    ],
  };
}
