import { htmlUrlOf, shasOf, sshUrlOf } from './delivery-bodies.ts'
import { encode } from './deliveries-encoding.ts'
import type { SentPush, SentRequest } from './deliveries.ts'

// Alibaba Codeup: a plain token, and a body like GitLab's without a project.

export function codeupPush(push: SentPush): SentRequest {
  const { before, after } = shasOf(push)
  const isTag = push.ref.startsWith('refs/tags/')
  const name = push.repository.fullName.split('/').at(-1) ?? ''
  return sendCodeup(isTag ? 'Tag Push Hook' : 'Push Hook', push, {
    object_kind: isTag ? 'tag_push' : 'push',
    before,
    after,
    ref: push.ref,
    checkout_sha: push.after,
    aliyun_pk: '123456789',
    project_id: 15,
    user_id: 4,
    user_name: push.pusher ?? 'octocat',
    user_email: 'octocat@example.com',
    user_extern_uid: '123456789',
    repository: {
      name,
      url: sshUrlOf(push.repository),
      homepage: htmlUrlOf(push.repository),
      git_http_url: push.repository.cloneUrl,
      git_ssh_url: sshUrlOf(push.repository),
      git_secondary_http_url: `https://codeup.aliyun.com/${name}.git`,
      git_secondary_ssh_url: `git@codeup.aliyun.com:${name}.git`,
      visibility_level: 0,
    },
    commits: push.after === null ? [] : [{ id: after, message: 'Change things\n' }],
    total_commits_count: push.after === null ? 0 : 1,
  })
}

export function sendCodeup(event: string, { secret }: Pick<SentPush, 'secret'>, body: object): SentRequest {
  const encoded = encode(JSON.stringify(body))
  return {
    ...encoded,
    headers: {
      ...encoded.headers,
      'X-Codeup-Event': event,
      ...(secret === undefined ? {} : { 'X-Codeup-Token': secret }),
    },
  }
}
