import { expect, test } from 'vitest'
import { failure } from '../../src/forge/api-answer.ts'
import type { ForgeName } from '../../src/forge/forge.ts'
import { forgeApi } from '../../src/forge/forge-apis.ts'

// Where the API of a repository is, by the address that a binding has.

const CODEUP = 'https://openapi-rdc.aliyuncs.com/oapi/v1/codeup'
const ORGANIZATION = '60de7a6852743a5162b5f957'
const CLOUD_RUN = 'https://dev.azure.com/org/p/_apis/git/repositories/r'

const places: readonly (readonly [
  forge: ForgeName,
  address: string,
  apiUrl: string | undefined,
  asked: string,
])[] = [
  [
    'gitlink',
    'https://www.gitlink.org.cn/o/r.git',
    undefined,
    'https://www.gitlink.org.cn/api/v1/o/r/webhooks.json',
  ],
  ['gitlink', 'https://gitlink.org.cn/o/r', undefined, 'https://www.gitlink.org.cn/api/v1/o/r/webhooks.json'],
  [
    'gitlink',
    'git@code.gitlink.org.cn:o/r.git',
    undefined,
    'https://www.gitlink.org.cn/api/v1/o/r/webhooks.json',
  ],
  ['gitlink', 'http://forge.lan:3000/o/r.git', undefined, 'http://forge.lan:3000/api/v1/o/r/webhooks.json'],
  [
    'gitlink',
    'git@forge.lan:o/r.git',
    'http://forge.lan:3000/api/',
    'http://forge.lan:3000/api/v1/o/r/webhooks.json',
  ],
  [
    'gitlink',
    'git@forge.lan:o/r.git',
    'http://forge.lan:3000/api/v1',
    'http://forge.lan:3000/api/v1/o/r/webhooks.json',
  ],
  ['gitee', 'https://gitee.com/o/r.git', undefined, 'https://gitee.com/api/v5/repos/o/r/hooks'],
  ['gitee', 'git@gitee.com:组织/r', undefined, 'https://gitee.com/api/v5/repos/%E7%BB%84%E7%BB%87/r/hooks'],
  [
    'bitbucket',
    'https://ada@bitbucket.org/ws/r.git',
    undefined,
    'https://api.bitbucket.org/2.0/repositories/ws/r/hooks',
  ],
  ['bitbucket', 'git@bitbucket.org:ws/r', undefined, 'https://api.bitbucket.org/2.0/repositories/ws/r/hooks'],
  [
    'bitbucket',
    'ssh://git@altssh.bitbucket.org:443/ws/r.git',
    undefined,
    'https://api.bitbucket.org/2.0/repositories/ws/r/hooks',
  ],
  [
    'bitbucket-server',
    'https://git.example.com/scm/key/r.git',
    undefined,
    'https://git.example.com/rest/api/1.0/projects/key/repos/r/webhooks',
  ],
  [
    'bitbucket-server',
    'https://example.com/bitbucket/scm/~ada/r.git',
    undefined,
    'https://example.com/bitbucket/rest/api/1.0/projects/~ada/repos/r/webhooks',
  ],
  [
    'bitbucket-server',
    'ssh://git@git.example.com:7999/key/r.git',
    undefined,
    'https://git.example.com/rest/api/1.0/projects/key/repos/r/webhooks',
  ],
  [
    'bitbucket-server',
    'ssh://git@git.example.com:7999/projects/scm.git',
    undefined,
    'https://git.example.com/rest/api/1.0/projects/projects/repos/scm/webhooks',
  ],
  [
    'bitbucket-server',
    'https://example.com/stash/users/ada/repos/r',
    undefined,
    'https://example.com/stash/rest/api/1.0/projects/~ada/repos/r/webhooks',
  ],
  [
    'bitbucket-server',
    'ssh://git@git.example.com:7999/key/r.git',
    'https://example.com/stash/rest/api/latest',
    'https://example.com/stash/rest/api/latest/projects/key/repos/r/webhooks',
  ],
  ['azure', 'https://dev.azure.com/org/p/_git/r', undefined, CLOUD_RUN],
  ['azure', 'https://org@dev.azure.com/org/p/_git/r', undefined, CLOUD_RUN],
  ['azure', 'git@ssh.dev.azure.com:v3/org/p/r', undefined, CLOUD_RUN],
  ['azure', 'https://org.visualstudio.com/DefaultCollection/p/_git/r', undefined, CLOUD_RUN],
  ['azure', 'https://org.visualstudio.com/p/_git/r', undefined, CLOUD_RUN],
  ['azure', 'org@vs-ssh.visualstudio.com:v3/org/p/r', undefined, CLOUD_RUN],
  [
    'azure',
    'https://dev.azure.com/org/_git/r',
    undefined,
    'https://dev.azure.com/org/r/_apis/git/repositories/r',
  ],
  [
    'azure',
    'https://dev.azure.com/org/My%20Project/_git/r.git',
    undefined,
    'https://dev.azure.com/org/My%20Project/_apis/git/repositories/r.git',
  ],
  [
    'azure',
    'https://tfs.example.com/tfs/Collection/p/_git/r',
    undefined,
    'https://tfs.example.com/tfs/Collection/p/_apis/git/repositories/r',
  ],
  [
    'azure',
    'ssh://tfs.example.com:22/tfs/Collection/p/_git/r',
    'http://tfs.example.com:8080/tfs/Collection',
    'http://tfs.example.com:8080/tfs/Collection/p/_apis/git/repositories/r',
  ],
  [
    'codeup',
    `https://codeup.aliyun.com/${ORGANIZATION}/group/r.git`,
    undefined,
    `${CODEUP}/organizations/${ORGANIZATION}/repositories/${ORGANIZATION}%2Fgroup%2Fr/webhooks`,
  ],
  [
    'codeup',
    `git@codeup.aliyun.com:${ORGANIZATION}/r.git`,
    undefined,
    `${CODEUP}/organizations/${ORGANIZATION}/repositories/${ORGANIZATION}%2Fr/webhooks`,
  ],
  [
    'codeup',
    'https://codeup.example.com/group/r.git',
    undefined,
    'https://codeup.example.com/oapi/v1/codeup/repositories/group%2Fr/webhooks',
  ],
]

test.for(places)('%s has %s, with the API at %s, at %s', async ([forge, address, apiUrl, expected]) => {
  const asked: string[] = []
  const request = ({ url }: { readonly url: string }) => {
    asked.push(url)
    return Promise.resolve(failure('unreachable', 'not here'))
  }

  await forgeApi({ request }, { forge, address, apiUrl, token: 'token' })?.listHooks()

  expect(asked).toEqual([expected])
})

test.for([
  ['gitlink', 'https://www.gitlink.org.cn/o'],
  ['gitee', '/srv/git/o/r.git'],
  ['bitbucket', 'https://bitbucket.org/r.git'],
  ['bitbucket-server', 'https://git.example.com/scm'],
  ['azure', 'https://dev.azure.com/org/p'],
  ['azure', 'git@ssh.dev.azure.com:v3/org/p'],
  ['azure', 'https://tfs.example.com/tfs/Collection/p/_git'],
  ['codeup', `https://codeup.aliyun.com/${ORGANIZATION}`],
] as const)('%s has no API for %s', ([forge, address]) => {
  const request = () => Promise.resolve(failure('unreachable', 'not here'))

  const api = forgeApi({ request }, { forge, address, apiUrl: undefined, token: 'token' })

  expect(api).toBeUndefined()
})
