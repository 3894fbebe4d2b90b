import { z } from 'zod'
import { failure } from './api-answer.ts'
import { apiId, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall } from './api-call.ts'
import { pathOf } from './api-place.ts'
import type { OwnerAndName } from './api-place.ts'
import { confirmDefaultBranch } from './default-branch.ts'
import { flag, text } from './fields.ts'
import type { ForgeApi, ForgeApiOutcome, WantedMirror } from './forge-api.ts'

// The repository itself at GitLink: its state, its branches, and mirrors that GitLink fills by itself.

type Place = Pick<OwnerAndName, 'owner' | 'name'>
type RepositoryCalls = Required<
  Pick<
    ForgeApi,
    'describeRepository' | 'setDefaultBranch' | 'listBranches' | 'createRepository' | 'triggerMirror'
  >
>

export function gitlinkRepository(call: ApiCall, { owner, name }: Place): RepositoryCalls {
  const path = pathOf([owner, name])
  const readDetail = async () => readAnswer(await call('GET', `${path}/detail.json`), Detail)
  return {
    describeRepository: async () => {
      const detail = await readDetail()
      if (!detail.ok) return detail
      const { repo_id: id, default_branch: defaultBranch = null, empty, type } = detail.value
      const mirrorProblem = type === SYNCED_MIRROR ? await mirrorProblemOf(call, path) : null
      const mirror = type === SYNCED_MIRROR ? 'pull' : 'none'
      return { ok: true, value: { id, defaultBranch, isEmpty: empty ?? false, mirror, mirrorProblem } }
    },
    setDefaultBranch: async (branch) => {
      const changed = await changeDefaultBranch(call, { owner, name }, branch)
      if (!changed.ok) return changed
      const detail = await readDetail()
      return confirmDefaultBranch(
        detail.ok ? { ok: true, value: { defaultBranch: detail.value.default_branch ?? null } } : detail,
        branch,
      )
    },
    listBranches: async () => readAnswer(await call('GET', `${path}/branches`), Branches),
    createRepository: (wanted) => createMirror(call, { owner, name }, wanted),
    triggerMirror: async () => {
      const detail = await readDetail()
      if (!detail.ok) return detail
      return withoutValue(await call('POST', `/repositories${pathOf([detail.value.repo_id])}/sync_mirror`))
    },
  }
}

// As documented: 0 ordinary, 1 mirror without sync (an import, which takes pushes), 2 mirror with sync, 3 fork.
const SYNCED_MIRROR = 2

const Detail = z.object({
  repo_id: apiId,
  default_branch: text,
  empty: flag,
  type: z.number().catch(0),
})

// Older instances change it with the project. Nothing else is said there: they take a project whose change
// leaves `private` out for a public one, unless the default branch is all that is to change.
async function changeDefaultBranch(call: ApiCall, { owner, name }: Place, branch: string) {
  const path = pathOf(['v1', owner, name, 'branches', 'update_default_branch.json'])
  const changed = await call('PATCH', path, { query: { name: branch } })
  if (changed.ok || changed.failure.kind !== 'not_found') return changed
  return call('PATCH', `${pathOf([owner, name])}.json`, { body: { default_branch: branch } })
}

const FAILED = 2
const MirrorStatus = z.object({ mirror_status: z.literal(FAILED) })

// Only here is it documented, and without it the rest is worth knowing all the same.
async function mirrorProblemOf(call: ApiCall, path: string): Promise<string | null> {
  const status = readAnswer(await call('GET', `${path}/repository`), MirrorStatus)
  return status.ok ? 'the last pull of the mirror failed' : null
}

const Branches = z.array(
  z
    .object({ name: z.string(), last_commit: z.object({ id: z.string() }).optional().catch(undefined) })
    .transform(({ name, last_commit: head }) => ({ name, sha: head?.id ?? null })),
)

async function createMirror(
  call: ApiCall,
  place: Place,
  { cloneUrl, credential, isPrivate, ownerId }: WantedMirror,
): Promise<ForgeApiOutcome<null>> {
  const userId: ForgeApiOutcome<string> =
    ownerId === undefined ? await findOwner(call, place.owner) : { ok: true, value: ownerId }
  if (!userId.ok) return userId
  const auth =
    credential === undefined ? {} : { auth_username: credential.username, auth_password: credential.password }
  const body = {
    user_id: Number(userId.value),
    name: place.name,
    repository_name: place.name,
    clone_addr: cloneUrl,
    is_mirror: true,
    private: isPrivate,
    ...auth,
  }
  const secrets = credential === undefined ? [] : [credential.password]
  return withoutValue(await call('POST', '/projects/migrate.json', { body, secrets }))
}

const User = z.object({ user_id: apiId, login: z.string() })
const Users = z.object({ users: z.array(User) })

// The owner of the token is the usual one; the list knows other people, but no organizations.
async function findOwner(call: ApiCall, owner: string): Promise<ForgeApiOutcome<string>> {
  const isOwner = ({ login }: z.infer<typeof User>): boolean => login.toLowerCase() === owner.toLowerCase()
  const me = readAnswer(await call('GET', '/users/me'), User)
  if (!me.ok) return me
  if (isOwner(me.value)) return { ok: true, value: me.value.user_id }
  const users = readAnswer(await call('GET', '/users/list', { query: { search: owner } }), Users)
  if (!users.ok) return users
  const found = users.value.users.find(isOwner)
  return found === undefined
    ? failure('refused', `the forge lists no user ${owner}; give the user_id of the user or organization`)
    : { ok: true, value: found.user_id }
}
