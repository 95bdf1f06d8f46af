/** What tests a panel of the SDK without a worker, through every moment at which a restart may come. */
export { openPanel, type OpenPanelOptions, type TriedPanel } from './open-panel.js';
export { tryEveryPoint, type TriedInput, type TryOptions } from './try-every-point.js';
