import { hash } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { recognise } from '../forge/forges.ts'
import type { ForgeByName } from '../forge/forges.ts'
import type { Change, Forge, Signature, WebhookRequest } from '../forge/forge.ts'
import { redactPayload } from '../forge/redact.ts'
import type { HookEndpoint } from '../hook/endpoint.ts'
import type { HookId } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Rejection } from './rejections.ts'
import type { Arrival, Stored } from './store.ts'

// Stage 1: a delivery arrives.
//
// In:  the bytes of one webhook request. Out: the answer, after the delivery and the runs it asks for
// are on disk. Nothing is worked on here: the queue is only told that something may be due.
// The order of checks: address, forge, hook, signature over the received bytes, then the content.

export type ReceiveDeps = {
  readonly clock: Clock
  readonly logger: Logger
  readonly forgeByName: ForgeByName
  /** Secrets that may have signed a delivery of this forge; empty when none is configured. */
  readonly secretsFor: (forge: string) => readonly string[]
  /** The hook at `/webhooks/<forge>/<slug>`, whose own secrets alone count there. */
  readonly findHook: (forge: string, slug: string) => Promise<HookEndpoint | undefined>
  /** Whether this client address may deliver at all; null: it is not known. */
  readonly allowsAddress: (address: string | null) => boolean
  /** Resolves when the delivery survives a crash. */
  readonly store: (arrival: Arrival) => Promise<Stored>
  readonly recordRejection: (rejection: Rejection) => Promise<void>
  readonly wakeQueue: () => void
}

export type Answer = {
  readonly status: 200 | 202 | 400 | 401 | 403 | 404 | 413 | 415 | 503
  readonly body: Readonly<Record<string, unknown>>
  /** What the log says about it, in the line of the request. */
  readonly facts: Readonly<Record<string, unknown>>
}

export type Delivered = {
  /** The forge named in the path; undefined: find out. */
  readonly forge: string | undefined
  /** The hook named in the path after it. */
  readonly slug?: string | undefined
  readonly request: WebhookRequest
  readonly remoteAddress: string | null
}

export async function receive(deps: ReceiveDeps, delivered: Delivered): Promise<Answer> {
  const { request, remoteAddress } = delivered
  if (!deps.allowsAddress(remoteAddress)) {
    return reject(deps, delivered, 403, 'address', 'deliveries from this address are not allowed')
  }
  const name = delivered.forge ?? recognise(request)
  const forge = name === undefined ? undefined : deps.forgeByName(name)
  if (forge === undefined) {
    return delivered.forge === undefined
      ? reject(deps, delivered, 400, 'forge', 'the headers name no forge; post to /webhooks/<forge> instead')
      : reject(deps, delivered, 404, 'forge', 'there is no such forge')
  }
  let hook: HookEndpoint | undefined
  try {
    hook = delivered.slug === undefined ? undefined : await deps.findHook(forge.name, delivered.slug)
  } catch (error) {
    deps.logger.error({ err: error, forge: forge.name }, 'the hook of a delivery could not be read')
    return unstored(forge)
  }
  if (delivered.slug !== undefined && hook === undefined) {
    return reject(deps, delivered, 404, 'hook', 'there is no such hook')
  }
  const secrets = hook?.secrets ?? deps.secretsFor(forge.name)
  const signature = await forge.verify(request, secrets, deps.clock.now())
  const known = { request, remoteAddress, hook: hook?.id ?? null, forge: forge.name }
  if (signature !== 'verified') return rejectSignature(deps, known, secrets, signature)
  return takeIn(deps, forge, known)
}

/** What is known to come from the forge: its signature holds, or the forge gave it to us when we asked. */
export type Authentic = {
  readonly request: WebhookRequest
  readonly remoteAddress: string | null
  readonly hook: HookId | null
}

export type TakeInDeps = Pick<ReceiveDeps, 'logger' | 'store' | 'recordRejection' | 'wakeQueue'>

/** Stores an authentic delivery with the runs it asks for. */
export async function takeIn(deps: TakeInDeps, forge: Forge, delivered: Authentic): Promise<Answer> {
  const known = { ...delivered, forge: forge.name }
  const parsed = forge.parse(delivered.request)
  if (parsed.kind === 'malformed') return reject(deps, known, 400, 'malformed', parsed.problem, 'verified')
  if (parsed.kind === 'unsupported_type') {
    const detail = `cannot read ${parsed.contentType || 'a body without content type'}; send JSON or a form`
    return reject(deps, known, 415, 'content_type', detail, 'verified')
  }
  const arrival: Arrival = {
    forge: forge.name,
    parsed,
    signature: 'verified',
    payload: redactPayload(parsed.payload),
    dedupeKey: parsed.deliveryId === null ? null : dedupeKey(known, parsed.deliveryId, parsed.payload),
    remoteAddress: delivered.remoteAddress,
    hook: delivered.hook,
  }
  let stored: Stored
  try {
    stored = await deps.store(arrival)
  } catch (error) {
    deps.logger.error({ err: error, forge: forge.name }, 'a delivery could not be stored')
    return unstored(forge)
  }
  if (stored.kind === 'accepted') deps.wakeQueue()
  return { ...toAnswer(stored), facts: factsOf(forge.name, parsed.event, stored) }
}

function unstored(forge: Forge): Answer {
  return {
    status: 503,
    body: {
      status: 'rejected',
      reason: 'storage',
      detail: 'the delivery could not be stored; send it again',
    },
    facts: { forge: forge.name, outcome: 'rejected', reason: 'storage' },
  }
}

type Known = { readonly forge: string; readonly hook: HookId | null }

// The same id with another body is another delivery: treating it as known could hide a push. And one push
// comes to each hook of a repository, where each may serve another binding.
function dedupeKey({ forge, hook }: Known, id: string, payload: string): string {
  const digest = hash('sha256', payload, 'base64url')
  return `${forge}${hook === null ? '' : `/${hook}`}:${id.slice(0, 200)}:${digest}`
}

async function rejectSignature(
  deps: ReceiveDeps,
  delivered: Authentic & Known,
  secrets: readonly string[],
  signature: Signature,
): Promise<Answer> {
  if (secrets.length === 0) {
    const variable = `WEBHOOK_SECRET_${delivered.forge.toUpperCase().replaceAll('-', '_')}`
    deps.logger.warn(
      { forge: delivered.forge },
      `a delivery was refused because no secret is configured: set WEBHOOK_SECRET or ${variable}`,
    )
    return reject(deps, delivered, 401, 'no_secret', 'no secret is configured for this forge', signature)
  }
  return signature === 'none'
    ? reject(deps, delivered, 401, 'signature_missing', 'the delivery carries no signature', signature)
    : reject(deps, delivered, 401, 'signature_invalid', 'no configured secret made this signature', signature)
}

export async function reject(
  deps: Pick<ReceiveDeps, 'logger' | 'recordRejection'>,
  delivered: Pick<Delivered, 'forge' | 'remoteAddress'> & { readonly hook?: HookId | null },
  status: Answer['status'],
  reason: string,
  detail: string,
  signature: Signature = 'none',
): Promise<Answer> {
  const rejection: Rejection = {
    forge: delivered.forge ?? 'unknown',
    reason,
    detail,
    signature,
    remoteAddress: delivered.remoteAddress,
    hook: delivered.hook ?? null,
  }
  try {
    await deps.recordRejection(rejection)
  } catch (error) {
    deps.logger.error({ err: error }, 'a rejected delivery could not be listed')
  }
  const facts = { forge: rejection.forge, outcome: 'rejected', reason }
  return { status, body: { status: 'rejected', reason, detail }, facts }
}

function toAnswer(stored: Stored): Omit<Answer, 'facts'> {
  switch (stored.kind) {
    case 'accepted':
      return {
        status: 202,
        body: {
          status: 'accepted',
          delivery: stored.delivery,
          changes: stored.changes === 'all' ? [] : stored.changes.map(changeToWire),
          ...(stored.changes === 'all' ? { full_sync: true } : {}),
          bindings: stored.bindings,
          runs: stored.runs,
        },
      }
    case 'ignored':
      return {
        status: 200,
        body: { status: 'ignored', delivery: stored.delivery, reason: stored.reason, detail: stored.detail },
      }
    case 'duplicate':
      return { status: 200, body: { status: 'duplicate', delivery: stored.delivery } }
  }
}

function changeToWire({ ref, before, after, created, deleted, forced }: Change): Record<string, unknown> {
  return { ref, before, after, created, deleted, forced }
}

function factsOf(forge: string, event: string, stored: Stored): Answer['facts'] {
  return {
    forge,
    event,
    delivery: stored.delivery,
    outcome: stored.kind,
    reason: stored.kind === 'ignored' ? stored.reason : undefined,
    bindings: stored.kind === 'accepted' ? stored.bindings : undefined,
  }
}
