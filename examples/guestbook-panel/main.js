import process from 'node:process';
import { runPanel } from 'panelet/panel';
import { guestbook } from './guestbook.js';

await runPanel(guestbook);
process.exit(0);
