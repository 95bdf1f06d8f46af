import type { Resource } from '#kube/api.js';
import type { KubeObject, ObjectReference } from '#kube/objects.js';

/** Reference to an object, for events. */
export function referenceTo<T extends KubeObject>(resource: Resource<T>, object: T): ObjectReference {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
    kind: resource.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
