import { createHmac, randomUUID } from 'node:crypto'
import { htmlUrlOf, shasOf, sshUrlOf } from './delivery-bodies.ts'
import type { Json } from './delivery-bodies.ts'
import { encode } from './deliveries-encoding.ts'
import type { SentPush, SentRequest } from './deliveries.ts'

// Gitee: a password, or a sign over the time; both are in the body once more.

/** A push by a hook with a password. */
export function giteePush(push: SentPush): SentRequest {
  return sendGitee(hookOf(push), push, giteePushBody(push))
}

/** A push by a hook with a sign key. */
export function giteeSignedPush(push: SentPush): SentRequest {
  return sendGitee(hookOf(push), { ...push, signs: true }, giteePushBody(push))
}

export function sendGitee(
  event: string,
  sending: Pick<SentPush, 'secret' | 'deliveryId' | 'sentAt'> & { readonly signs?: boolean },
  body: object,
): SentRequest {
  const { secret, signs = false } = sending
  const timestamp = sending.sentAt ?? Date.now()
  const token = secret === undefined || !signs ? secret : giteeSign(secret, timestamp)
  const repeated = token === undefined ? {} : signs ? { sign: token } : { password: token }
  const encoded = encode(JSON.stringify({ ...body, timestamp: String(timestamp), ...repeated }))
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      'User-Agent': 'git-oschina-hook',
      'X-Gitee-Event': event,
      'X-Git-Oschina-Event': event,
      'X-Gitee-Timestamp': String(timestamp),
      'X-Gitee-Ping': 'false',
      'X-Request-ID': sending.deliveryId ?? randomUUID().replaceAll('-', ''),
      ...(token === undefined ? {} : { 'X-Gitee-Token': token }),
    },
  }
}

export function giteeSign(secret: string, timestamp: number): string {
  return createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64')
}

function hookOf({ ref }: SentPush): string {
  return ref.startsWith('refs/tags/') ? 'Tag Push Hook' : 'Push Hook'
}

export function giteePushBody(push: SentPush): Json {
  const { before, after } = shasOf(push)
  const repository = {
    id: 120249025,
    // The name for people is not the path.
    name: 'Demo 示例',
    human_name: '组织/Demo 示例',
    full_name: push.repository.fullName,
    path_with_namespace: push.repository.fullName,
    html_url: htmlUrlOf(push.repository),
    clone_url: push.repository.cloneUrl,
    git_http_url: push.repository.cloneUrl,
    ssh_url: sshUrlOf(push.repository),
    git_ssh_url: sshUrlOf(push.repository),
    default_branch: push.repository.defaultBranch ?? 'main',
  }
  return {
    hook_name: push.ref.startsWith('refs/tags/') ? 'tag_push_hooks' : 'push_hooks',
    hook_id: 1,
    hook_url: `${htmlUrlOf(push.repository)}/hooks/1/edit`,
    ref: push.ref,
    before,
    after,
    created: push.before === null,
    deleted: push.after === null,
    total_commits_count: push.after === null ? null : 1,
    commits_more_than_ten: false,
    commits: push.after === null ? null : [{ id: after, message: 'Change things\n', parent_ids: [before] }],
    head_commit: push.after === null ? null : { id: after, message: 'Change things\n' },
    pusher: { username: push.pusher ?? 'octocat', user_name: push.pusher ?? 'octocat', name: 'Octo Cat' },
    sender: { login: push.pusher ?? 'octocat', username: push.pusher ?? 'octocat' },
    user_name: push.pusher ?? 'octocat',
    repository,
    project: repository,
  }
}
