import { randomUUID } from 'node:crypto'
import { htmlUrlOf, shasOf, sshUrlOf } from './delivery-bodies.ts'
import type { Json } from './delivery-bodies.ts'
import { encode, hexHmac } from './deliveries-encoding.ts'
import type { SentPush, SentRepository, SentRequest } from './deliveries.ts'

// Bitbucket Cloud and Bitbucket Server. One request may tell of several refs.

type Move = Pick<SentPush, 'ref' | 'before' | 'after' | 'forced'>
type Sending = Pick<SentPush, 'secret' | 'deliveryId'>

export function bitbucketPush(push: SentPush, ...others: readonly Move[]): SentRequest {
  return sendBitbucket('repo:push', push, {
    push: bitbucketChanges([push, ...others]),
    actor: { type: 'user', nickname: push.pusher ?? 'octocat', display_name: 'Octo Cat', uuid: '{1}' },
    repository: bitbucketRepository(push.repository),
  })
}

export function sendBitbucket(event: string, sending: Sending, body: object): SentRequest {
  const encoded = encode(JSON.stringify(body))
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      ...signatureOf(sending, encoded),
      'User-Agent': 'Bitbucket-Webhooks/2.0',
      'X-Event-Key': event,
      'X-Hook-UUID': '11111111-2222-3333-4444-555555555555',
      'X-Request-UUID': sending.deliveryId ?? randomUUID(),
      'X-Attempt-Number': '1',
    },
  }
}

export function bitbucketServerPush(push: SentPush, ...others: readonly Move[]): SentRequest {
  const changes = [push, ...others].map((move) => {
    const { before, after } = shasOf(move)
    const isTag = move.ref.startsWith('refs/tags/')
    return {
      ref: {
        id: move.ref,
        displayId: move.ref.replace(/^refs\/(?:heads|tags)\//, ''),
        type: isTag ? 'TAG' : 'BRANCH',
      },
      refId: move.ref,
      fromHash: before,
      toHash: after,
      type: move.before === null ? 'ADD' : move.after === null ? 'DELETE' : 'UPDATE',
    }
  })
  return sendBitbucketServer('repo:refs_changed', push, {
    eventKey: 'repo:refs_changed',
    date: '2026-05-15T15:20:41+0800',
    actor: { name: push.pusher ?? 'octocat', slug: push.pusher ?? 'octocat', id: 1, type: 'NORMAL' },
    repository: bitbucketServerRepository(push.repository),
    changes,
  })
}

export function sendBitbucketServer(event: string, sending: Sending, body: object): SentRequest {
  const encoded = encode(JSON.stringify(body))
  return {
    ...encoded,
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      ...signatureOf(sending, encoded),
      'User-Agent': 'Atlassian HttpClient 4.2.0 / Bitbucket-8.19.2 (8019002) / Default',
      'X-Event-Key': event,
      'X-Request-Id': sending.deliveryId ?? randomUUID(),
    },
  }
}

function signatureOf({ secret }: Sending, { body }: SentRequest): Readonly<Record<string, string>> {
  return secret === undefined ? {} : { 'X-Hub-Signature': `sha256=${hexHmac('sha256', secret, body ?? '')}` }
}

export function bitbucketChanges(moves: readonly Move[]): Json {
  const state = (ref: string, hash: string | null): Json | null =>
    hash === null
      ? null
      : {
          type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
          name: ref.replace(/^refs\/(?:heads|tags)\//, ''),
          target: { type: 'commit', hash, message: 'Change things\n', date: '2026-05-15T15:20:41+00:00' },
        }
  return {
    changes: moves.map((move) => ({
      old: state(move.ref, move.before),
      new: state(move.ref, move.after),
      created: move.before === null,
      closed: move.after === null,
      forced: move.forced ?? false,
      truncated: false,
      commits: [],
    })),
  }
}

export function bitbucketRepository(repository: SentRepository): Json {
  return {
    type: 'repository',
    full_name: repository.fullName,
    name: 'A name for people',
    uuid: '{2}',
    is_private: true,
    scm: 'git',
    links: {
      self: { href: `https://api.bitbucket.org/2.0/repositories/${repository.fullName}` },
      html: { href: htmlUrlOf(repository) },
      avatar: { href: 'https://bytebucket.org/ravatar/2' },
    },
  }
}

export function bitbucketServerRepository(repository: SentRepository): Json {
  const [key, slug] = repository.fullName.split('/')
  return {
    slug,
    id: 84,
    name: slug,
    scmId: 'git',
    state: 'AVAILABLE',
    project: { key, id: 84, name: 'A name for people', public: false, type: 'NORMAL' },
    public: false,
    links: {
      clone: [
        { href: sshUrlOf(repository), name: 'ssh' },
        { href: repository.cloneUrl, name: 'http' },
      ],
      self: [{ href: `${htmlUrlOf(repository)}/browse` }],
    },
  }
}
