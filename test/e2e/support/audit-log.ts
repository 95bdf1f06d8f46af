/** One line of the API server's audit log, as far as it is looked at. */
export interface AuditEvent {
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
  };
  readonly responseStatus?: { readonly code: number };
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

/** A pod's deletion that the API server accepted. */
export interface AuditedDelete {
  readonly pod: string;
  readonly user: string;
  readonly uid: string | undefined;
  readonly atMs: number;
}

/** Accepted deletes and evictions of pods, by whom. */
export function podDeletes(events: readonly AuditEvent[]): AuditedDelete[] {
  return events.flatMap((event) => {
    const { objectRef, verb, responseStatus, requestObject, user } = event;
    if (objectRef?.resource !== 'pods' || (responseStatus?.code ?? 500) >= 300) return [];
    const eviction = verb === 'create' && objectRef.subresource === 'eviction';
    if (verb !== 'delete' && !eviction) return [];
    const body = requestObject as
      { preconditions?: { uid?: string }; deleteOptions?: { preconditions?: { uid?: string } } } | undefined;
    const uid = (eviction ? body?.deleteOptions : body)?.preconditions?.uid;
    return [
      {
        pod: objectRef.name ?? '',
        user: user.username,
        uid,
        atMs: Date.parse(event.requestReceivedTimestamp),
      },
    ];
  });
}

/** A receipt that was put on record in the status of a PanelRestart. */
export interface AuditedReceipt {
  readonly uid: string;
  readonly atMs: number;
  readonly withoutReceipt: string | undefined;
}

/** When the receipt of each pod was first on record. */
export function recordedReceipts(events: readonly AuditEvent[]): Map<string, AuditedReceipt> {
  const found = new Map<string, AuditedReceipt>();
  for (const { objectRef, responseStatus, responseObject, stageTimestamp } of events) {
    if (objectRef?.resource !== 'panelrestarts' || objectRef.subresource !== 'status') continue;
    if ((responseStatus?.code ?? 500) >= 300) continue;
    const { status } = (responseObject ?? {}) as {
      status?: { active?: readonly { uid: string; receipt?: { withoutReceipt?: string } }[] };
    };
    for (const { uid, receipt } of status?.active ?? []) {
      if (receipt === undefined || found.has(uid)) continue;
      found.set(uid, { uid, atMs: Date.parse(stageTimestamp), withoutReceipt: receipt.withoutReceipt });
    }
  }
  return found;
}
