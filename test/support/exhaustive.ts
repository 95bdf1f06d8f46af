/** True where everything is tried that `npm test` samples: in `npm run trials` (`PANELET_EXHAUSTIVE=1`). */
export const isExhaustive = process.env['PANELET_EXHAUSTIVE'] === '1';
