import { z } from 'zod'
import type { FakeDefaultBranch } from './fake-default-branch.ts'
import type { FakeAnswer } from './fake-forge.ts'
import { withBody } from './fake-routes.ts'
import type { Route } from './fake-routes.ts'

// What GitLink's API documents of a repository itself: its state, its branches, and mirrors.

export type FakeRepository = {
  /** 0 ordinary, 1 mirror without sync, 2 mirror with sync. */
  readonly type: 0 | 1 | 2
  /** Of a mirror with sync: 0 succeeded, 1 goes on, 2 failed. */
  readonly mirrorStatus: 0 | 1 | 2
  readonly defaultBranch: string
  readonly branches: Readonly<Record<string, string>>
}

export const ORDINARY: FakeRepository = { type: 0, mirrorStatus: 0, defaultBranch: 'master', branches: {} }

const REPOSITORY_ID = 75073
const PROJECT_ID = 3263

const Migration = z.strictObject({
  user_id: z.int(),
  name: z.string(),
  clone_addr: z.url(),
  description: z.string().optional(),
  repository_name: z.string().regex(/^[a-zA-Z0-9](?:\w*[a-zA-Z0-9])?$/),
  project_category_id: z.int().optional(),
  project_language_id: z.int().optional(),
  is_mirror: z.boolean().default(false),
  auth_username: z.string().optional(),
  auth_password: z.string().optional(),
  private: z.boolean().default(false),
})
export type Migration = z.infer<typeof Migration>

// With anything else in it, or without it, a project becomes public.
const ProjectChange = z.strictObject({ default_branch: z.string() })

export type FakeGitlinkRepository = {
  readonly repository: () => FakeRepository | undefined
  /** Undefined: there is none. */
  readonly setRepository: (repository: FakeRepository | undefined) => void
  readonly migrations: () => readonly Migration[]
  /** How often the mirror was to be pulled. */
  readonly pulls: () => number
}

const refusal = (message: string): FakeAnswer => ({ status: 200, json: { status: -1, message } })
const user = (login: string, id: number) => ({
  username: login,
  login,
  user_id: id,
  image_url: 'avatars/User/b',
})

/** The repository, and the routes about it below `/api`. */
export function createFakeGitlinkRepository(
  fullName: string,
  missing: FakeAnswer,
  {
    defaultBranch: real,
    paths,
  }: { readonly defaultBranch: FakeDefaultBranch | undefined; readonly paths: 'new' | 'old' | 'both' },
): FakeGitlinkRepository & { readonly routes: readonly Route[] } {
  let repository: FakeRepository | undefined = ORDINARY
  const migrations: Migration[] = []
  let pulls = 0
  const [owner = ''] = fullName.split('/')
  const place = new URL(`/api/${fullName}`, 'http://fake').pathname
  const route = (method: string, path: string, answer: Route[2]): Route => [
    method,
    new RegExp(`^${path}$`),
    answer,
  ]
  const whenThere =
    (answer: (known: FakeRepository) => ReturnType<Route[2]>): Route[2] =>
    () =>
      repository === undefined ? missing : answer(repository)
  const setDefaultBranch = async (known: FakeRepository, branch: string): Promise<FakeAnswer> => {
    const isSet = await (real?.set(branch) ?? branch in known.branches)
    if (!isSet) return refusal('分支不存在')
    repository = { ...known, defaultBranch: branch }
    return { status: 200, json: { status: 0, message: 'success' } }
  }
  const changeRoutes: readonly Route[] = [
    [
      'PATCH',
      new RegExp(`^/api/v1${place.slice('/api'.length)}/branches/update_default_branch\\.json$`),
      ({ query }) =>
        paths === 'old' || repository === undefined
          ? missing
          : setDefaultBranch(repository, query.get('name') ?? ''),
    ],
    [
      'PATCH',
      new RegExp(`^${place}\\.json$`),
      (request) =>
        withBody(request, ProjectChange, refusal('name不能为空'), ({ default_branch: branch }) =>
          repository === undefined ? missing : setDefaultBranch(repository, branch),
        ),
    ],
  ]
  const common = ({ type, defaultBranch, branches }: FakeRepository) => ({
    project_id: PROJECT_ID,
    type,
    mirror: type === 2,
    mirror_url: type === 0 ? null : 'https://forge.example/team/app.git',
    default_branch: defaultBranch,
    empty: Object.keys(branches).length === 0,
    full_name: fullName,
  })
  return {
    repository: () => repository,
    setRepository: (next) => {
      repository = next
    },
    migrations: () => migrations,
    pulls: () => pulls,
    routes: [
      ...changeRoutes,
      route(
        'GET',
        `${place}/detail\\.json`,
        whenThere(async (known) => {
          const branch = real === undefined ? {} : { default_branch: await real.read() }
          return { status: 200, json: { ...common(known), ...branch, repo_id: REPOSITORY_ID } }
        }),
      ),
      route(
        'GET',
        `${place}/repository`,
        whenThere((known) => {
          const status = known.type === 2 ? { mirror_status: known.mirrorStatus } : {}
          return { status: 200, json: { ...common(known), ...status } }
        }),
      ),
      route(
        'GET',
        `${place}/branches`,
        whenThere(({ branches }) => ({
          status: 200,
          json: Object.entries(branches).map(([name, id]) => ({
            name,
            protected: false,
            last_commit: { id, message: 'a commit\n', timestamp: 1577694074, time_from_now: '1天前' },
          })),
        })),
      ),
      route('GET', '/api/users/me', () => ({ status: 200, json: { ...user('ada', 36401), admin: false } })),
      route('GET', '/api/users/list', ({ query }) => {
        const users = [user(`${owner}-2`, 36407), user(owner, 36408)]
        const found = users.filter(({ login }) => login.includes(query.get('search') ?? ''))
        return { status: 200, json: { total_count: found.length, users: found } }
      }),
      route('POST', '/api/projects/migrate\\.json', (request) =>
        withBody(request, Migration, refusal('参数错误'), (migration) => {
          if (repository !== undefined) return refusal('项目标识已存在')
          migrations.push(migration)
          repository = { ...ORDINARY, type: migration.is_mirror ? 2 : 1 }
          return { status: 200, json: { id: PROJECT_ID, name: migration.name } }
        }),
      ),
      route(
        'POST',
        `/api/repositories/${REPOSITORY_ID}/sync_mirror`,
        whenThere(({ type, mirrorStatus }) => {
          if (type !== 2) return refusal('该项目不是镜像项目')
          if (mirrorStatus === 1) return refusal('正在镜像中')
          pulls += 1
          return { status: 200, json: { status: 0, message: 'success' } }
        }),
      ),
    ],
  }
}
