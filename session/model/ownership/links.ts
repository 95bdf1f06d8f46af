/** A link of a session: which incarnation it is about, and the worker instance that has claimed or decided it. */
export interface InstanceLink {
  readonly incarnation: number;
  readonly instance: string;
  /** True once it is there after a power cut, too: from the start for a claim, with the next claim for a `.live`. */
  readonly isDurable?: boolean;
}

/**
 * What the directory of a session shows of who has it. Both kinds are made with link(2) of a file that names the instance:
 * the first one wins, and a link is there complete or not at all.
 */
export interface Links {
  /** `<n>`: who wants to have incarnation n. */
  readonly claims: readonly InstanceLink[];
  /** `<n>.live`: who has it. */
  readonly lives: readonly InstanceLink[];
}

/** The links after another claim, which syncs the directory of all of them; undefined where somebody was first. */
export function claimed(links: Links, claim: InstanceLink): Links | undefined {
  const added = linked(links, 'claims', claim);
  if (added === undefined) return undefined;
  const durable = (link: InstanceLink): InstanceLink => ({ ...link, isDurable: true });
  return { claims: added.claims.map(durable), lives: added.lives.map(durable) };
}

/** Who has made a claim. */
export function claimantOf({ claims }: Links, incarnation: number): string | undefined {
  return claims.find((claim) => claim.incarnation === incarnation)?.instance;
}

const highest = (claims: readonly InstanceLink[]): InstanceLink | undefined =>
  claims.reduce<InstanceLink | undefined>(
    (best, claim) => (best === undefined || claim.incarnation > best.incarnation ? claim : best),
    undefined,
  );

/** Who has the session: the instance of the highest `.live`. */
export function ownerOf({ lives }: Links): InstanceLink | undefined {
  return highest(lives);
}

/** The incarnation that the next one to want the session claims. */
export function nextIncarnation({ claims, lives }: Links): number {
  return (highest([...claims, ...lives])?.incarnation ?? 0) + 1;
}

/** The highest claim above an incarnation: to its owner a session is offered before anything is accepted. */
export function claimAbove({ claims }: Links, incarnation: number): InstanceLink | undefined {
  return highest(claims.filter((claim) => claim.incarnation > incarnation));
}

/** The links with another one, or undefined where somebody was first. */
export function linked(links: Links, kind: 'claims' | 'lives', claim: InstanceLink): Links | undefined {
  if (links[kind].some(({ incarnation }) => incarnation === claim.incarnation)) return undefined;
  return { ...links, [kind]: [...links[kind], claim] };
}
