import { z } from 'zod'
import { apiId, readAnswer, withoutValue } from './api-call.ts'
import type { ApiCall, ApiCallContent } from './api-call.ts'
import type { ApiRequest, ApiAnswer } from './api-client.ts'
import { plainRepository, toFullName, toShortName } from './default-branch.ts'
import { text } from './fields.ts'
import type { ForgeApi, ForgeApiOutcome } from './forge-api.ts'

// The repository itself at Bitbucket Server and Data Center, whose default branch is a resource of its own.

type BranchCalls = Required<Pick<ForgeApi, 'describeRepository' | 'setDefaultBranch'>>

export function bitbucketServerBranch(repository: ApiCall): BranchCalls {
  return {
    describeRepository: async () => {
      const known = readAnswer(await repository('GET', ''), Repository)
      if (!known.ok) return known
      // An empty repository has none, which is no failure.
      const branch = readAnswer(await inEither(repository, 'GET'), Branch)
      return {
        ok: true,
        value: plainRepository(known.value.id, branch.ok ? toShortName(branch.value.id) : null),
      }
    },
    setDefaultBranch: async (branch) =>
      withoutValue(await inEither(repository, 'PUT', { body: { id: toFullName(branch) } })),
  }
}

const Repository = z.object({ id: apiId })
const Branch = z.object({ id: text })

// Before 7.5 it is among the branches.
async function inEither(
  repository: ApiCall,
  method: ApiRequest['method'],
  content?: ApiCallContent,
): Promise<ForgeApiOutcome<ApiAnswer>> {
  const answer = await repository(method, '/default-branch', content)
  if (answer.ok || answer.failure.kind !== 'not_found') return answer
  return repository(method, '/branches/default', content)
}
