import type { PanelStorage } from '../storage/panel-storage.js';

/** What it is looked up in. */
export interface SharedSessions {
  readonly instances: Pick<PanelStorage['instances'], 'others'>;
  readonly records: Pick<PanelStorage['records'], 'list'>;
  readonly ownership: Pick<PanelStorage['ownership'], 'look'>;
}

/** Whether an owner has a session in another living worker of the panel. @throws STATE_DIR_UNUSABLE when that cannot be told */
export async function hasSessionElsewhere(
  { instances, records, ownership }: SharedSessions,
  owner: string,
): Promise<boolean> {
  if ((await instances.others()).length === 0) return false;
  const own = (await records.list()).records.filter((record) => record.owner === owner);
  for (const { id } of own) if ((await ownership.look(id)).kind === 'elsewhere') return true;
  return false;
}
