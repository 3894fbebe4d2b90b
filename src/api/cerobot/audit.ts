import type { Context } from 'hono'
import type { ChangeFacts } from '../../audit/request-trail.ts'
import { noteChange } from '../../audit/request-trail.ts'
import { getBinding } from '../../binding/bindings.ts'
import { branchesOf } from '../../binding/branches.ts'
import type { Database } from '../../db/database.ts'
import { DomainError } from '../../domain-error.ts'
import type { Call } from './call.ts'
import type { Parameters } from './parameters.ts'
import { bindingToRepo, branchToBranch } from './wire.ts'

// What the audit log says about a call: its object, and what that was before and after.

type Target = { readonly repo: string; readonly branch: string | undefined }

/** Answers the call and says what it has changed; calls that change nothing have no more to say. */
export async function answerWithFacts(
  deps: { readonly db: Database },
  c: Context,
  call: Call,
  given: Parameters,
  work: () => Promise<Response>,
): Promise<Response> {
  const action = actionOf(call)
  if (action === undefined) return work()
  const target = targetOf(call, given)
  const type = target.branch === undefined ? 'binding' : 'branch'
  noteChange(c, { action, type, id: target.branch ?? null, name: target.repo })
  if (action === 'SYNC') return work()
  const before = await look(deps.db, target)
  const response = await work()
  const after = await look(deps.db, target)
  const tokens = ['inter_token', 'exter_token'].filter((name) => name in given.body || name in given.query)
  noteChange(c, {
    before,
    after: after === null || tokens.length === 0 ? after : { ...after, tokens_given: tokens },
  })
  return response
}

function actionOf({ kind }: Call): string | undefined {
  switch (kind) {
    case 'create_repo':
      return 'CREATE'
    case 'set_repo_enabled':
    case 'update_addresses':
      return 'UPDATE'
    case 'delete_repo':
      return 'DELETE'
    case 'create_branch':
      return 'CREATE_BRANCH'
    case 'set_branch_enabled':
      return 'UPDATE_BRANCH'
    case 'delete_branch':
      return 'DELETE_BRANCH'
    case 'sync_repo':
    case 'sync_branch':
      return 'SYNC'
    case 'list_repos':
    case 'list_branches':
    case 'list_logs':
      return undefined
  }
}

function targetOf(call: Call, given: Parameters): Target {
  const repo = 'repo' in call ? (call.repo ?? '') : parameter(given, 'repo_name')
  if ('branch' in call) return { repo, branch: call.branch }
  return {
    repo,
    branch: call.kind === 'create_branch' ? parameter(given, 'internal_branch_name') : undefined,
  }
}

function parameter({ query, body }: Parameters, name: string): string {
  const value = body[name] ?? query[name]
  return typeof value === 'string' ? value : ''
}

async function look(
  db: Database,
  { repo, branch: name }: Target,
): Promise<NonNullable<ChangeFacts['before']> | null> {
  try {
    const binding = await getBinding(db, repo)
    const { internal, external } = binding
    const whole = {
      ...bindingToRepo(binding),
      has_inter_token: internal.hasCredential,
      has_exter_token: external.hasCredential,
    }
    if (name === undefined) return whole
    const branches = await branchesOf(db, [binding.id])
    const branch = branches.find((known) => known.internalBranch === name || known.externalBranch === name)
    return branch === undefined ? null : branchToBranch(branch)
  } catch (error) {
    if (error instanceof DomainError) return null
    throw error
  }
}
