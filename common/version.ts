import packageJson from '../package.json' with { type: 'json' };

/** Version of Panelet, as its package says: `0.1.0`. */
export const { version } = packageJson;
