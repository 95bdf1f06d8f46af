/** Sessions that an owner may have of each panel of a node where nothing else is said; the chart leaves the flag out for it. */
export const defaultSessionsPerOwner = 20;
