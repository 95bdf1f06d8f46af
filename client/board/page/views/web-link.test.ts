import { expect, test } from '@jest/globals';
import { webLink } from './web-link.js';

test.each([
  ['https://example.org/a?b#c', 'https://example.org/a?b#c'],
  ['http://EXAMPLE.org', 'http://example.org/'],
  ['javascript:alert(1)', null],
  ['data:text/html,x', null],
  ['file:///etc/passwd', null],
  ['https://bank.example@evil.example/', null],
  ['vscode://open', null],
  ['no link', null],
  [`https://example.org/${'x'.repeat(3_000)}`, null],
])('of %s a link is made: %s', (text, link) => {
  expect(webLink(text)).toBe(link);
});
