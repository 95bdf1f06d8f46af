import type { AnyObject } from './kube-object.js';
import { badRequest } from './refusals.js';
import type { ResourceKind } from './resource-kind.js';

const termPattern = /^([^=!\s]+)\s*(==|=|!=)(.*)$/s;
const alwaysSelectable: Readonly<Record<string, (object: AnyObject) => string>> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};

// The real server has two ways to say it.
const refusalOf: Readonly<Record<ResourceKind['selectorRefusal'], (field: string) => string>> = {
  named: (field) => `field label not supported: ${field}`,
  generic: (field) => `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
};

const unescape = (value: string): string => value.replace(/\\([\\,=])/g, '$1');

/**
 * Turns a field selector ("metadata.name=a,status.phase!=Running") into a predicate.
 * @throws StatusError BadRequest for a field that this kind cannot be selected by.
 */
export function parseFieldSelector(
  kind: Pick<ResourceKind, 'selectableFields' | 'selectorRefusal'>,
  selector: string | undefined,
): (object: AnyObject) => boolean {
  if (selector === undefined || selector.trim() === '') return () => true;
  const requirements = selector
    .split(/(?<!\\),/)
    .filter((term) => term !== '')
    .map((term) => {
      const parts = termPattern.exec(term.trim());
      if (parts === null) {
        throw badRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
      }
      const [field = '', operator, value = ''] = parts.slice(1);
      const read = alwaysSelectable[field] ?? kind.selectableFields[field];
      if (read === undefined) throw badRequest(refusalOf[kind.selectorRefusal](field));
      const wanted = unescape(value);
      return (object: AnyObject) => (read(object) === wanted) === (operator !== '!=');
    });
  return (object) => requirements.every((matches) => matches(object));
}
