import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { xmlFault } from '#test/support/well-formed.js';
import { svgElement, svgText } from './svg-element.js';

test('an element leaves out what is undefined, and rounds numbers', () => {
  expect(svgElement('rect', { x: 1 / 3, fill: undefined, id: 'a"b' })).toBe('<rect x="0.33" id="a&quot;b"/>');
  expect(svgElement('text', {}, svgText('<&>\u001b['))).toBe('<text>&lt;&amp;&gt;·[</text>');
});

test('any text is well-formed as a text and as an attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(xmlFault(svgElement('text', { id: text }, `.${svgText(text)}`))).toBeUndefined();
    }),
  );
});
