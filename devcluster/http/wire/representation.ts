import type { ServedKind } from '../../kinds/served-kind.js';
import type { AnyObject } from '../../store/kube-object.js';
import { badRequest } from '../../store/refusals.js';
import { StatusError } from '../../store/status-error.js';
import { apiVersionOf } from '../../store/resource-kind.js';
import { negotiateShape, type Shape } from './media-type.js';

/** How the objects of one answer are shown. */
export interface Representation {
  readonly shape: Shape;
  readonly served: ServedKind;
  /** How much of its object each row of a table carries. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  readonly nowMs: number;
}

/** What a list says about itself. */
export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** @throws StatusError NotAcceptable, BadRequest. */
export function chooseRepresentation(
  served: ServedKind,
  accept: string | undefined,
  query: URLSearchParams,
  nowMs: number,
): Representation {
  const shape = negotiateShape(accept);
  if (shape === undefined) {
    const message =
      'only the following media types are accepted: application/json, application/json;as=Table;g=meta.k8s.io;v=v1';
    throw new StatusError(406, 'NotAcceptable', message);
  }
  const includeObject = query.get('includeObject') ?? 'Metadata';
  if (includeObject !== 'None' && includeObject !== 'Metadata' && includeObject !== 'Object') {
    throw badRequest(`unrecognized includeObject value: ${JSON.stringify(includeObject)}`);
  }
  return { shape, served, includeObject, nowMs };
}

const metadataOnly = (object: AnyObject): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object.metadata,
});

function rowOf(stored: AnyObject, as: Representation): object {
  const { served, includeObject, nowMs } = as;
  const conditions = served.columns.conditions?.(stored);
  const objects = { None: undefined, Metadata: metadataOnly(stored), Object: served.toView(stored) };
  const object = objects[includeObject];
  return {
    cells: served.columns.cells(stored, nowMs),
    ...(conditions === undefined ? {} : { conditions }),
    object: object ?? null,
  };
}

const tableOf = (objects: readonly AnyObject[], as: Representation, meta: ListMeta, hasHead = true): object => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata: meta,
  columnDefinitions: hasHead ? as.served.columns.columns : null,
  rows: objects.map((object) => rowOf(object, as)),
});

/** One stored object as it is sent. */
export function representObject(stored: AnyObject, as: Representation, hasHead = true): object {
  switch (as.shape) {
    case 'table':
      return tableOf([stored], as, { resourceVersion: stored.metadata.resourceVersion ?? '' }, hasHead);
    case 'metadata':
      return metadataOnly(stored);
    case 'object':
      return as.served.toView(stored);
  }
}

/** The real server leaves the kind out of the items of built-in lists, where the list says it. */
function listItem(served: ServedKind, stored: AnyObject): object {
  const shown = served.toView(stored);
  return served.isCustom ? shown : { ...shown, apiVersion: undefined, kind: undefined };
}

/** Stored objects as they are sent in a list. */
export function representList(objects: readonly AnyObject[], as: Representation, meta: ListMeta): object {
  const { kind } = as.served;
  switch (as.shape) {
    case 'table':
      return tableOf(objects, as, meta);
    case 'metadata':
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata: meta,
        items: objects.map(metadataOnly),
      };
    case 'object':
      return {
        kind: `${kind.kind}List`,
        apiVersion: apiVersionOf(kind),
        metadata: meta,
        items: objects.map((object) => listItem(as.served, object)),
      };
  }
}

/** A bookmark as it is sent: an object without content that only says how far the watch is. */
export function representBookmark(
  as: Representation,
  resourceVersion: string,
  annotations: Readonly<Record<string, string>> | undefined,
): object {
  const { kind } = as.served;
  const metadata = { resourceVersion, ...(annotations === undefined ? {} : { annotations }) };
  if (as.shape === 'object') return { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata };
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  if (as.shape === 'metadata') return partial;
  const cells = as.served.columns.columns.map(() => '');
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion },
    columnDefinitions: null,
    rows: [{ cells, object: partial }],
  };
}
