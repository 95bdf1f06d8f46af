import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServedKind } from '../kinds/served-kind.js';
import {
  describeCore,
  describeEverything,
  describeGroup,
  describeGroups,
  describeResources,
  everythingContentType,
} from './discovery.js';
import { parseMediaTypes } from './wire/media-type.js';
import { createOpenApiDocuments } from './openapi-documents.js';
import { sendJson, sendText } from './wire/reply.js';
import { versionInfo } from './version.js';

/** Answers what is no resource: discovery, OpenAPI, version, health. @returns false when it has no answer. */
export type PathRouter = (url: URL, request: IncomingMessage, response: ServerResponse) => boolean;

const wantsEverything = (request: IncomingMessage): boolean =>
  parseMediaTypes(request.headers.accept).some(
    ({ parameters }) =>
      parameters['as'] === 'APIGroupDiscoveryList' &&
      parameters['g'] === 'apidiscovery.k8s.io' &&
      parameters['v'] === 'v2',
  );

/** A router for the kinds that are served. */
export function createPathRouter(kinds: readonly ServedKind[]): PathRouter {
  const openApi = createOpenApiDocuments(kinds);
  const find = (path: string, request: IncomingMessage): object | undefined => {
    const segments = path.split('/').filter((text) => text !== '');
    const [root, group = '', version = ''] = segments;
    switch (root) {
      case 'version':
        return segments.length === 1 ? versionInfo : undefined;
      case 'api':
        if (segments.length === 1) return describeCore(request.headers.host ?? '');
        return segments.length === 2 ? describeResources(kinds, '', group) : undefined;
      case 'apis':
        if (segments.length === 1) return describeGroups(kinds);
        if (segments.length === 2) return describeGroup(kinds, group);
        return segments.length === 3 ? describeResources(kinds, group, version) : undefined;
      case 'openapi':
        if (group !== 'v3') return undefined;
        return segments.length === 2 ? openApi.index : openApi.find(segments.slice(2).join('/'));
      default:
        return undefined;
    }
  };
  return (url, request, response) => {
    const path = url.pathname.replace(/\/+$/, '');
    if (['/healthz', '/livez', '/readyz'].includes(path)) {
      sendText(response, 200, 'ok');
      return true;
    }
    if (path === '/openapi/v2') {
      // A document without definitions: kubectl asks for it about kinds that are in no other, to hear that it is in none.
      response.writeHead(200, { 'content-type': 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' });
      response.end();
      return true;
    }
    const isRoot = path === '/api' || path === '/apis';
    if (isRoot && wantsEverything(request)) {
      response.setHeader('vary', 'Accept');
      sendJson(response, 200, describeEverything(kinds, path === '/api'), everythingContentType);
      return true;
    }
    const found = find(path, request);
    if (found === undefined) return false;
    sendJson(response, 200, found);
    return true;
  };
}
