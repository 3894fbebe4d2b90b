import type { SentPush, SentRefEvent, SentRepository } from './deliveries.ts'

// What the forges write into a webhook, shaped and sized like the real thing.

export type Json = Readonly<Record<string, unknown>>

const GITHUB_API_LINKS =
  'archive assignees blobs branches collaborators comments commits compare contents contributors deployments downloads ' +
  'events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels languages merges ' +
  'milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees'

export function githubPushBody(push: SentPush): Json {
  const { before, after } = shasOf(push)
  return {
    ref: push.ref,
    before,
    after,
    repository: githubRepository(push.repository),
    pusher: { name: push.pusher ?? 'octocat', email: 'octocat@example.com' },
    sender: { login: push.pusher ?? 'octocat', id: 1, type: 'User', site_admin: false },
    created: isZero(before) && !isZero(after),
    deleted: isZero(after) && !isZero(before),
    forced: push.forced ?? false,
    base_ref: null,
    compare: `${htmlUrlOf(push.repository)}/compare/${before}...${after}`,
    commits: isZero(after) ? [] : [githubCommit(push, after)],
    head_commit: isZero(after) ? null : githubCommit(push, after),
  }
}

export function githubRefEventBody(event: SentRefEvent): Json {
  return {
    ref: event.ref,
    ref_type: event.refType,
    ...(event.action === 'create' ? { master_branch: event.repository.defaultBranch ?? 'main' } : {}),
    pusher_type: 'user',
    repository: githubRepository(event.repository),
    sender: { login: event.pusher ?? 'octocat', id: 1, type: 'User' },
  }
}

export function githubPingBody(repository: SentRepository): Json {
  return {
    zen: 'Speak like a human.',
    hook_id: 1,
    hook: { type: 'Repository', id: 1, active: true, events: ['push'], config: { content_type: 'json' } },
    repository: githubRepository(repository),
    sender: { login: 'octocat' },
  }
}

export function gitlabPushBody(push: SentPush): Json {
  const { before, after } = shasOf(push)
  const kind = push.ref.startsWith('refs/tags/') ? 'tag_push' : 'push'
  const name = push.repository.fullName.split('/').at(-1)
  return {
    object_kind: kind,
    event_name: kind,
    before,
    after,
    ref: push.ref,
    ref_protected: false,
    checkout_sha: isZero(after) ? null : after,
    message: null,
    user_id: 4,
    user_name: 'Somebody Else',
    user_username: push.pusher ?? 'octocat',
    user_email: '',
    project_id: 15,
    project: {
      id: 15,
      name,
      web_url: htmlUrlOf(push.repository),
      git_ssh_url: sshUrlOf(push.repository),
      git_http_url: push.repository.cloneUrl,
      path_with_namespace: push.repository.fullName,
      default_branch: push.repository.defaultBranch ?? 'main',
    },
    commits: isZero(after) ? [] : [{ id: after, message: 'Change things', title: 'Change things' }],
    total_commits_count: isZero(after) ? 0 : 1,
    push_options: {},
    repository: { name, url: sshUrlOf(push.repository), homepage: htmlUrlOf(push.repository) },
  }
}

export function giteaPushBody(push: SentPush): Json {
  const { before, after } = shasOf(push)
  return {
    ref: push.ref,
    before,
    after,
    compare_url: `${htmlUrlOf(push.repository)}/compare/${before}...${after}`,
    commits: isZero(after) ? [] : [giteaCommit(push, after)],
    total_commits: isZero(after) ? 0 : 1,
    head_commit: isZero(after) ? null : giteaCommit(push, after),
    repository: giteaRepository(push.repository),
    pusher: giteaUser(push.pusher),
    sender: giteaUser(push.pusher),
  }
}

export function gogsPushBody(push: SentPush): Json {
  const { head_commit: _head, total_commits: _total, ...body } = giteaPushBody(push)
  return body
}

// GitLink is an old Gitea: the secret in clear comes first, and there is no head commit.
export function gitlinkPushBody(push: SentPush): Json {
  const { total_commits: _total, ...body } = giteaPushBody(push)
  return { secret: push.secret ?? '', ...body, head_commit: null }
}

export function giteaRefEventBody(event: SentRefEvent): Json {
  return {
    ...(event.action === 'create' ? { sha: event.sha ?? '' } : { pusher_type: 'user' }),
    ref: event.ref,
    ref_type: event.refType,
    repository: giteaRepository(event.repository),
    sender: giteaUser(event.pusher),
  }
}

function githubRepository(repository: SentRepository): Json {
  const api = `https://api.example.com/repos/${repository.fullName}`
  const links: Json = Object.fromEntries(
    GITHUB_API_LINKS.split(' ').map((link): [string, string] => [`${link}_url`, `${api}/${link}{/id}`]),
  )
  return {
    id: 186853002,
    name: repository.fullName.split('/').at(-1),
    full_name: repository.fullName,
    owner: { login: repository.fullName.split('/').at(0), id: 1 },
    private: false,
    html_url: htmlUrlOf(repository),
    description: null,
    ...links,
    created_at: 1557933565,
    updated_at: '2026-05-15T15:20:41Z',
    clone_url: repository.cloneUrl,
    ssh_url: sshUrlOf(repository),
    default_branch: repository.defaultBranch ?? 'main',
    master_branch: repository.defaultBranch ?? 'main',
  }
}

function githubCommit(push: SentPush, id: string): Json {
  const person = { name: 'Octo Cat', email: 'octocat@example.com', username: 'octocat' }
  return {
    id,
    tree_id: id,
    distinct: true,
    message: 'Change <things> & more',
    timestamp: '2026-05-15T15:20:41Z',
    url: `${htmlUrlOf(push.repository)}/commit/${id}`,
    author: person,
    committer: person,
    added: [],
    removed: [],
    modified: ['README.md'],
  }
}

function giteaRepository(repository: SentRepository): Json {
  return {
    id: 2,
    owner: giteaUser(repository.fullName.split('/').at(0)),
    name: repository.fullName.split('/').at(-1),
    full_name: repository.fullName,
    description: '',
    empty: false,
    mirror: false,
    html_url: htmlUrlOf(repository),
    ssh_url: sshUrlOf(repository),
    clone_url: repository.cloneUrl,
    original_url: '',
    default_branch: repository.defaultBranch ?? 'main',
    permissions: { admin: false, push: false, pull: false },
  }
}

function giteaCommit(push: SentPush, id: string): Json {
  const person = { name: 'Octo Cat', email: 'octocat@example.com', username: 'octocat' }
  return {
    id,
    message: 'Change <things> & more\n',
    url: `${htmlUrlOf(push.repository)}/commit/${id}`,
    author: person,
    committer: person,
    verification: null,
    timestamp: '2026-05-15T15:20:41+08:00',
    added: null,
    removed: null,
    modified: null,
  }
}

function giteaUser(login = 'octocat'): Json {
  return { id: 3, login, full_name: '', email: `${login}@example.com`, language: 'zh-CN', username: login }
}

export function shasOf(push: Pick<SentPush, 'before' | 'after'>): {
  readonly before: string
  readonly after: string
} {
  const zeros = '0'.repeat((push.before ?? push.after ?? '').length === 64 ? 64 : 40)
  return { before: push.before ?? zeros, after: push.after ?? zeros }
}

function isZero(sha: string): boolean {
  return /^0+$/.test(sha)
}

export function htmlUrlOf(repository: SentRepository): string {
  return repository.htmlUrl ?? repository.cloneUrl.replace(/\.git$/, '')
}

export function sshUrlOf(repository: SentRepository): string {
  return repository.sshUrl ?? `git@${new URL(repository.cloneUrl).hostname}:${repository.fullName}.git`
}
