import type { VNode } from 'preact';
import type { Announcer } from '../../app/announcer.js';
import { shownText } from '../../text/shown-text.js';

/** Read out, and not seen. */
export function LiveRegion({ announcer }: { readonly announcer: Announcer }): VNode {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {shownText(announcer.text.value, 400)}
    </div>
  );
}
