import { createHmac, randomUUID } from 'node:crypto'
import type { ForgeName, WebhookRequest } from '../../src/forge/forge.ts'
import {
  giteaPushBody,
  giteaRefEventBody,
  githubPingBody,
  githubPushBody,
  githubRefEventBody,
  gitlabPushBody,
  gitlinkPushBody,
  gogsPushBody,
} from './delivery-bodies.ts'
import { azurePush } from './deliveries-azure.ts'
import { bitbucketPush, bitbucketServerPush } from './deliveries-bitbucket.ts'
import { codeupPush } from './deliveries-codeup.ts'
import { codingPush } from './deliveries-coding.ts'
import { encode, hexHmac } from './deliveries-encoding.ts'
import { genericPush } from './deliveries-generic.ts'
import { giteePush } from './deliveries-gitee.ts'

// Webhooks as the forges send them: body, headers and signature. Send one with
// `fetch(address + sent.search, sent)`, or hand `toWebhookRequest(sent)` to an adapter.

export type SentRepository = {
  readonly fullName: string
  readonly cloneUrl: string
  /** Default: derived from the clone URL. */
  readonly sshUrl?: string
  readonly htmlUrl?: string
  readonly defaultBranch?: string
}

type Sending = {
  readonly repository: SentRepository
  readonly pusher?: string
  /** Without one the forge does not sign. For GitLab a `whsec_` secret signs, any other is sent as it is. */
  readonly secret?: string
  /** Default: a new one. */
  readonly deliveryId?: string
  readonly encoding?: 'json' | 'form' | 'get'
  /** The time that GitLab and Gitee sign; default: now. */
  readonly sentAt?: number
}

export type SentPush = Sending & {
  readonly ref: string
  /** Null stands for the zeros of a ref that was not there before. */
  readonly before: string | null
  /** Null stands for the zeros of a ref that is gone. */
  readonly after: string | null
  readonly forced?: boolean
}

/** The forges that descend from Gogs. */
export type GogsKin = 'gitea' | 'forgejo' | 'gogs' | 'gitlink'

/** The `create` and `delete` events of GitHub and the forges that descend from Gogs. */
export type SentRefEvent = Sending & {
  readonly action: 'create' | 'delete'
  readonly refType: 'branch' | 'tag'
  /** The short name. */
  readonly ref: string
  readonly sha?: string
}

export type SentRequest = {
  readonly method: 'GET' | 'POST'
  readonly search: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

export function pushFrom(forge: ForgeName, push: SentPush): SentRequest {
  return PUSHES[forge](push)
}

export function githubPush(push: SentPush): SentRequest {
  return sendGithub('push', push, githubPushBody(push))
}

export function githubPing(sending: Sending): SentRequest {
  return sendGithub('ping', sending, githubPingBody(sending.repository))
}

export function gitlabPush(push: SentPush): SentRequest {
  return sendGitlab(
    push.ref.startsWith('refs/tags/') ? 'Tag Push Hook' : 'Push Hook',
    push,
    gitlabPushBody(push),
  )
}

export function giteaPush(push: SentPush): SentRequest {
  return sendGitea('gitea', 'push', push, giteaPushBody(push))
}

function forgejoPush(push: SentPush): SentRequest {
  return sendGitea('forgejo', 'push', push, giteaPushBody(push))
}

function gogsPush(push: SentPush): SentRequest {
  return sendGitea('gogs', 'push', push, gogsPushBody(push))
}

function gitlinkPush(push: SentPush): SentRequest {
  return sendGitea('gitlink', 'push', push, gitlinkPushBody(push))
}

export function refEventFrom(forge: 'github' | GogsKin, event: SentRefEvent): SentRequest {
  return forge === 'github'
    ? sendGithub(event.action, event, githubRefEventBody(event))
    : sendGitea(forge, event.action, event, giteaRefEventBody(event))
}

/** The request as it reaches an adapter. */
export function toWebhookRequest(sent: SentRequest): WebhookRequest {
  return {
    method: sent.method,
    headers: new Map(Object.entries(sent.headers).map(([name, value]) => [name.toLowerCase(), value])),
    query: new URLSearchParams(sent.search),
    body: Buffer.from(sent.body ?? ''),
  }
}

const PUSHES: Readonly<Record<ForgeName, (push: SentPush) => SentRequest>> = {
  github: githubPush,
  gitlab: gitlabPush,
  gitea: giteaPush,
  forgejo: forgejoPush,
  gogs: gogsPush,
  gitlink: gitlinkPush,
  gitee: giteePush,
  bitbucket: bitbucketPush,
  'bitbucket-server': bitbucketServerPush,
  azure: azurePush,
  codeup: codeupPush,
  coding: codingPush,
  generic: genericPush,
}

export function sendGithub(event: string, sending: Sending, body: object): SentRequest {
  const encoded = encode(JSON.stringify(body), sending.encoding)
  const id = sending.deliveryId ?? randomUUID()
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      'User-Agent': 'GitHub-Hookshot/044aadd',
      'X-GitHub-Event': event,
      'X-GitHub-Delivery': id,
      'X-GitHub-Hook-ID': '1',
      ...(sending.secret === undefined
        ? {}
        : {
            'X-Hub-Signature': `sha1=${hexHmac('sha1', sending.secret, encoded.body ?? '')}`,
            'X-Hub-Signature-256': `sha256=${hexHmac('sha256', sending.secret, encoded.body ?? '')}`,
          }),
    },
  }
}

export function sendGitlab(event: string, sending: Sending, body: object): SentRequest {
  const encoded = encode(JSON.stringify(body), sending.encoding)
  const id = sending.deliveryId ?? randomUUID()
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      'User-Agent': 'GitLab/18.4.0',
      'X-Gitlab-Event': event,
      'X-Gitlab-Webhook-UUID': randomUUID(),
      'X-Gitlab-Event-UUID': randomUUID(),
      'Idempotency-Key': id,
      ...gitlabSecret(sending, id, encoded.body ?? ''),
    },
  }
}

/** Gitea and those that descend from it: they sign the JSON text, whatever it travels in. */
export function sendGitea(forge: GogsKin, event: string, sending: Sending, body: object): SentRequest {
  const json = goJson(body)
  const encoded = encode(json, sending.encoding)
  const signed = sending.secret !== undefined && sending.secret !== ''
  const sign = (algorithm: string): string => (signed ? hexHmac(algorithm, sending.secret, json) : '')
  const names = {
    gitea: ['Gitea', 'Gogs'],
    forgejo: ['Forgejo', 'Gitea', 'Gogs'],
    gogs: ['Gogs'],
    gitlink: ['Gitea', 'Gogs'],
  }
  const id = sending.deliveryId ?? randomUUID()
  const own = names[forge].flatMap((name): [string, string][] => [
    [`X-${name}-Event`, event],
    [`X-${name}-Delivery`, id],
    [`X-${name}-Signature`, sign('sha256')],
  ])
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      ...Object.fromEntries<string>(own),
      'X-GitHub-Event': event,
      'X-GitHub-Delivery': id,
      ...(forge === 'gitea' || forge === 'forgejo'
        ? { 'X-Hub-Signature': `sha1=${sign('sha1')}`, 'X-Hub-Signature-256': `sha256=${sign('sha256')}` }
        : {}),
    },
  }
}

function gitlabSecret(sending: Sending, id: string, body: string): Readonly<Record<string, string>> {
  const { secret } = sending
  if (secret === undefined) return {}
  if (!secret.startsWith('whsec_')) return { 'X-Gitlab-Token': secret }
  const timestamp = String(Math.floor((sending.sentAt ?? Date.now()) / 1000))
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}

// Go's encoder escapes what HTML gives a meaning, so a verifier must never write the JSON again itself.
function goJson(body: object): string {
  const escapes: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' }
  return JSON.stringify(body, null, 2).replace(/[<>&]/g, (character) => escapes[character] ?? character)
}
