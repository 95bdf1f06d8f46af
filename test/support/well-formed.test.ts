import { expect, test } from '@jest/globals';
import { xmlFault } from './well-formed.js';

test.each([
  ['<a/>', undefined],
  ['<a b="1" c="&lt;"><d>&amp; text</d><e/></a>\n', undefined],
  ['<a><b></a>', '</a> closes what is not open'],
  ['<a>', 'not closed: a'],
  ['<a b=1/>', 'neither a tag nor a text: <a b=1/>'],
  ['<a>x & y</a>', 'neither a tag nor a text: & y</a>'],
  ['<a b="1" b="2"/>', 'an attribute twice: <a b="1" b="2"/>'],
  ['<a/><b/>', 'a second root: <b/>'],
  ['<a>\u001b</a>', 'character 27 at 3'],
  ['words', 'neither a tag nor a text: words'],
])('%j', (xml, fault) => {
  expect(xmlFault(xml)).toBe(fault);
});
