import { BlockList, isIP } from 'node:net';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { defaultSessionsPerOwner } from '#common/default-sessions-per-owner.js';
import { messageOf, PaneletError } from '#common/errors/errors.js';
import { readPanelFiles, type PanelFiles, type PanelProblem } from './panel-files.js';
import type { ListenAddress } from '#common/http/listen.js';
import { describeIssues } from './issues.js';

const panelName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'must be 1 to 32 lower-case letters, digits or dashes');
const parameter = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const positive = z.number().int().positive();

const panelSchema = z.strictObject({
  name: panelName,
  target: z.enum(['agent', 'host']).default('agent'),
  run: z.enum(['spawn', 'external']).default('spawn'),
  beside: z.boolean().optional(),
  parameters: z.record(z.string(), parameter).default({}),
  command: z.array(z.string().min(1)).min(1).optional(),
  idleTimeoutSeconds: positive.optional(),
  maxAgeSeconds: positive.optional(),
});

const sessionsPerOwnerSchema = z.strictObject({
  default: positive.default(defaultSessionsPerOwner),
  of: z.record(z.string().min(1), positive).default({}),
});

const limitsSchema = z.strictObject({
  maxConnections: positive.default(4096),
  maxStreamsPerConnection: positive.default(1024),
  maxPendingAttaches: positive.default(4096),
  callsPerSecond: positive.default(500),
  maxWatches: positive.default(1024),
  maxWatchesPerCaller: positive.default(64),
  helloTimeoutMs: positive.default(10_000),
  holdMs: positive.default(10_000),
  reviewAttachmentsMs: positive.default(300_000),
  keepaliveMs: positive.default(30_000),
  keepaliveTimeoutMs: positive.default(10_000),
});

const address = z.string().transform((value, context) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (match !== null && port <= 65_535) return { host: match[1] ?? match[2] ?? '', port };
  context.addIssue({ code: 'custom', message: 'must be host:port, for example 127.0.0.1:7443' });
  return z.NEVER;
});
const file = z.string().min(1);
const objectName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be the name of a Kubernetes object');

const certificateFilesSchema = z.strictObject({ certFile: file, keyFile: file, clientCaFile: file.optional() });
const clusterCertificateSchema = z.strictObject({
  kubernetes: z
    .strictObject({
      signerName: z
        .string()
        .regex(/^[a-z0-9.-]+\/[a-z0-9.-]+$/, 'must be like panelet.dev/node')
        .default('panelet.dev/node'),
      caConfigMap: objectName.default('panelet-ca'),
      serviceName: objectName.default('panelet-agent'),
      // The API server accepts nothing below ten minutes.
      validitySeconds: positive.min(600).default(86_400),
    })
    .prefault({}),
});
const identitySchema = z.union([
  z.strictObject({ file }),
  z.strictObject({ insecureLoopback: z.literal(true) }),
  z.strictObject({ kubernetes: z.strictObject({ audience: z.string().min(1).default('panelet.dev') }).prefault({}) }),
]);

const configSchema = z.strictObject({
  node: z.string().min(1),
  listen: address,
  runDir: z.string().startsWith('/', 'must be an absolute path'),
  stateDir: z.string().startsWith('/', 'must be an absolute path'),
  tls: z.union([certificateFilesSchema, clusterCertificateSchema]).optional(),
  identity: identitySchema.optional(),
  gate: z.strictObject({ listen: address }).optional(),
  health: z.strictObject({ listen: address }).optional(),
  metrics: z.strictObject({ listen: address }).optional(),
  panels: z.array(panelSchema).default([]),
  sessionsPerOwner: sessionsPerOwnerSchema.prefault({}),
  panelsDir: z.string().startsWith('/', 'must be an absolute path').optional(),
  workerCommand: z.array(z.string().min(1)).min(1).optional(),
  upgradeWorkers: z.boolean().default(false),
  gracePeriodSeconds: z.number().positive().default(25),
  limits: limitsSchema.prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info') })
    .prefault({}),
});

/** One panel of the node. */
export type PanelConfig = Readonly<z.infer<typeof panelSchema>>;
/** Bounds of the front; docs/reference/configuration.md. */
export type FrontLimits = Readonly<z.infer<typeof limitsSchema>>;
/** Everything an agent is told by its configuration file. */
export type AgentConfig = Readonly<z.infer<typeof configSchema>> & PanelParts;

/** The panels of the node, and what was wrong with those that are files. */
interface PanelParts {
  readonly panels: PanelConfig[];
  /** Files of panels, by name of the panel. */
  readonly panelFiles: Readonly<Record<string, string>>;
  readonly panelProblems: readonly PanelProblem[];
}

/** What the environment says about the pod; wins over the file. */
export interface ConfigOverrides {
  readonly node?: string | undefined;
  /**
   * Address of the pod. Clients: a configuration that listens everywhere goes on to, or a port-forward would not get in.
   * Controllers: always here, where a port-forward does not get in.
   */
  readonly listenHost?: string | undefined;
}

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Reads the configuration and the panels beside it.
 * @throws PaneletError CONFIG_INVALID that names the file, the key and what is expected.
 */
export async function readAgentConfig(file: string, overrides: ConfigOverrides = {}): Promise<AgentConfig> {
  const content = await readYaml(file);
  if (typeof content === 'object' && content !== null && overrides.node !== undefined) {
    (content as Record<string, unknown>)['node'] = overrides.node;
  }
  const config = check(configSchema, content, file);
  const { host } = config.listen;
  const listen = { ...config.listen, host: wildcards.has(host) ? host : (overrides.listenHost ?? host) };
  const gate = config.gate === undefined ? undefined : { listen: onPod(config.gate.listen, overrides.listenHost) };
  const readPanel = async (path: string): Promise<PanelConfig> => check(panelSchema, await readYaml(path), path);
  const none = { panels: [], problems: [] };
  const files = config.panelsDir === undefined ? none : await readPanelFiles(config.panelsDir, readPanel);
  const complete = { ...config, listen, gate, ...joinPanels(config, files) };
  checkTogether(complete, file);
  return complete;
}

// Also instead of a wildcard: a port-forward arrives at the loopback address, and nothing listens there then.
function onPod(listen: ListenAddress, podHost: string | undefined): ListenAddress {
  return { ...listen, host: podHost ?? listen.host };
}

/** Puts the panels of files behind those of the configuration. A name that is taken is the file's fault. */
function joinPanels(config: Readonly<z.infer<typeof configSchema>>, files: PanelFiles<PanelConfig>): PanelParts {
  const panels = [...config.panels];
  const problems = [...files.problems];
  const panelFiles: Record<string, string> = {};
  for (const { file, panel } of files.panels) {
    if (panels.some(({ name }) => name === panel.name)) {
      const message = `The file ${file} is wrong: name: "${panel.name}" is used by another panel of the node`;
      problems.push({ file, message });
    } else {
      panels.push(panel);
      panelFiles[panel.name] = file;
    }
  }
  return { panels, panelFiles, panelProblems: problems };
}

function checkTogether(config: AgentConfig, file: string): void {
  const refuse = (message: string): never => {
    throw new PaneletError('CONFIG_INVALID', `The configuration ${file} is wrong: ${message}`);
  };
  const loopback = isLoopback(config.listen.host);
  if (config.identity === undefined) {
    refuse('identity: missing; set identity.file (or identity.insecureLoopback: true on a loopback address)');
  } else if ('insecureLoopback' in config.identity && !loopback) {
    refuse('identity.insecureLoopback: only allowed while listen is a loopback address');
  }
  if (config.tls === undefined && !loopback) {
    refuse('tls: missing; without TLS, listen must be a loopback address');
  }
  if (config.metrics !== undefined && config.tls === undefined) {
    refuse('metrics: needs tls; metrics are never given in the clear');
  }
  if (config.gate !== undefined && !mayOpenGate(config.tls, config.gate.listen.host)) {
    refuse(
      'gate: needs certificates of controllers (tls.clientCaFile or tls.kubernetes), or no TLS and a loopback address',
    );
  }
  const seen = new Set<string>();
  for (const panel of config.panels) {
    if (seen.has(panel.name)) refuse(`panels: the name "${panel.name}" is used twice`);
    seen.add(panel.name);
  }
}

function mayOpenGate(tls: AgentConfig['tls'], host: string): boolean {
  if (tls === undefined) return isLoopback(host);
  return 'kubernetes' in tls || tls.clientCaFile !== undefined;
}

/** True for 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const list = new BlockList();
  list.addSubnet('127.0.0.0', 8);
  list.addAddress('::1', 'ipv6');
  const version = isIP(host);
  return version !== 0 && list.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

async function readYaml(file: string): Promise<unknown> {
  try {
    return parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new PaneletError('CONFIG_INVALID', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function check<T extends z.ZodType>(schema: T, content: unknown, file: string): z.infer<T> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new PaneletError('CONFIG_INVALID', `The configuration ${file} is wrong: ${describeIssues(parsed.error)}`);
}

/** Every key of the configuration file, with dots; `panels[].name` for those of a panel. docs/reference/configuration.md. */
export function agentConfigKeys(): string[] {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  return keysOf(schema, '').sort();
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

function keysOf(schema: JsonSchema, prefix: string): string[] {
  const alternatives = schema.anyOf ?? [];
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    if (typeof value === 'boolean') return [];
    const items = value.items;
    if (
      value.type === 'array' &&
      typeof items === 'object' &&
      !Array.isArray(items) &&
      items.properties !== undefined
    ) {
      return keysOf(items, `${prefix}${key}[].`);
    }
    const below = keysOf(value, `${prefix}${key}.`);
    return below.length > 0 ? below : [`${prefix}${key}`];
  });
  return [...own, ...alternatives.flatMap((alternative) => keysOf(alternative, prefix))];
}
