import type { Schema, Schemas } from '../schema/schema.js';
import type { AnyObject } from '../store/kube-object.js';
import type { ResourceKind } from '../store/resource-kind.js';
import type { ColumnSet } from '../table/column-set.js';

/** A kind as the API server shows it: the rules of the store, plus schema and columns. */
export interface ServedKind {
  readonly kind: ResourceKind;
  /** Name of the schema in {@link ServedKind.schemas}. */
  readonly schemaName: string;
  readonly schemas: Schemas;
  readonly schema: Schema;
  readonly columns: ColumnSet;
  /** Resource under which the store keeps the objects. Two kinds may share one: events have two views. */
  readonly storedAs: string;
  readonly toView: (stored: AnyObject) => AnyObject;
  readonly fromView: (seen: AnyObject) => AnyObject;
  /** True for custom resources, which are not merged strategically. */
  readonly isCustom: boolean;
  /** True for questions: whoever is known may create one, it is answered at once and never stored. */
  readonly isReview: boolean;
  /** Subresources beside status. */
  readonly subresources: readonly string[];
}
