import type { AnyObject } from '../store/kube-object.js';

/** Head of a column, as the API server describes it. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 only by `-o wide`. */
  readonly priority: number;
}

/** How objects of a kind become rows. */
export interface ColumnSet {
  readonly columns: readonly Column[];
  cells(object: AnyObject, nowMs: number): unknown[];
  /** What a row says about its object beside the cells. */
  conditions?(object: AnyObject): unknown[] | undefined;
}

/** A column that is always shown. */
export function column(name: string, type: string, description: string, format = ''): Column {
  return { name, type, format, description, priority: 0 };
}

/** A column that only `-o wide` shows. */
export function wideColumn(name: string, type: string, description: string, format = ''): Column {
  return { name, type, format, description, priority: 1 };
}

/** The first column of every table. */
export const nameColumn = column('Name', 'string', 'Name must be unique within a namespace.', 'name');

/** The last column of most tables. */
export const ageColumn = column(
  'Age',
  'string',
  'CreationTimestamp is a timestamp representing the server time when this object was created.',
);
