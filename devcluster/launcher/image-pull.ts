/**
 * Why an image cannot be pulled, in the words of a kubelet; undefined when it can. The dev cluster has no images and runs
 * programs of this machine, but a registry below `invalid`, a name that never resolves (RFC 2606), has none for it either.
 */
export function pullProblem(image: string): string | undefined {
  const [registry = ''] = image.split('/', 1);
  const [host = ''] = registry.split(':', 1);
  if (registry === image || !host.endsWith('.invalid')) return undefined;
  return `failed to pull and unpack image "${image}": failed to resolve reference "${image}": dial tcp: lookup ${host}: no such host`;
}
