import { describe, expect, test } from '@jest/globals';
import { parseFieldSelector } from './field-selector.js';
import { textAt } from './json-copy.js';

const kind = {
  selectorRefusal: 'named' as const,
  selectableFields: { 'spec.nodeName': (object: object) => textAt(object, 'spec', 'nodeName') },
};
const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a,b', namespace: 'ns' }, spec: { nodeName: 'n1' } };

describe('a field selector', () => {
  test.each([
    '',
    'spec.nodeName=n1',
    'spec.nodeName==n1,metadata.namespace=ns',
    'spec.nodeName!=',
    'metadata.name=a\\,b',
  ])('%j matches', (selector) => {
    expect(parseFieldSelector(kind, selector)(object)).toBe(true);
  });

  test.each(['spec.nodeName=', 'metadata.name!=a\\,b', 'spec.nodeName=n1,metadata.namespace=other'])(
    '%j does not match',
    (selector) => {
      expect(parseFieldSelector(kind, selector)(object)).toBe(false);
    },
  );

  test('is refused for a field that the kind cannot be selected by', () => {
    expect(() => parseFieldSelector(kind, 'spec.foo=1')).toThrow('field label not supported: spec.foo');
    expect(() => parseFieldSelector(kind, 'spec.nodeName')).toThrow(/can't understand/);
    expect(() => parseFieldSelector({ ...kind, selectorRefusal: 'generic' }, 'spec.foo=1')).toThrow(
      '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
  });
});
