/** The panel SDK of Panelet: kinds of sessions that survive planned restarts of what runs them. */
export {
  definePanel,
  type ClientInput,
  type OutputChannel,
  type PanelSpec,
  type SessionHandler,
  type SessionHost,
} from './define-panel.js';
export { runPanel } from './run-panel.js';
