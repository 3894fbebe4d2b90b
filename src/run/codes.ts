import type { Text } from '../domain-error.ts'
import type { GitErrorKind } from '../git/git-error.ts'

/** The documented number and Chinese text of an outcome, and what a person can do about it. */
export type OutcomeCode = {
  readonly code: number
  readonly message: string
  readonly hint: Text
}

export const SUCCESS = { code: 0, message: '操作成功' } as const

const TEXTS = {
  20001: 'SSH 密钥未授权或未添加',
  20002: '仓库不存在或私有仓库访问权限不足',
  20003: '无法解析主机',
  20004: '连接超时',
  20005: '认证失败 (用户名和密码、个人访问令牌、SSH 密钥等)',
  20006: '没有权限在指定的本地目录创建文件或目录',
  20008: '当前的工作目录不是一个git仓库',
  20009: '分支不存在',
  20010: '推送冲突',
  20011: '推送到受保护的分支被拒绝',
  20012: 'Unknown git error.',
  20100: '同步已取消',
  20101: '目标地址不允许访问',
  20102: '磁盘空间不足',
  20103: '两个仓库没有共同的历史',
  20104: '等待确认：将删除或覆盖大量分支',
  20105: '备份不存在',
} as const

// Each kind with the documented number of the same intent, and advice.
const CODES: Readonly<Record<GitErrorKind, readonly [keyof typeof TEXTS, Text]>> = {
  ssh_key_rejected: [
    20001,
    {
      zh: '请在该平台添加对应的 SSH 公钥（部署密钥），并授予写权限',
      en: 'add the SSH public key to the forge as a deploy key with write access',
    },
  ],
  host_key_changed: [
    20001,
    {
      zh: '服务器的主机密钥已改变，请先确认不是中间人攻击，再删除旧密钥',
      en: 'the server shows another host key than before: make sure it is genuine, then remove the recorded key',
    },
  ],
  host_key_unknown: [
    20001,
    {
      zh: 'SSH_HOST_KEYS=strict 只接受已信任的主机密钥',
      en: 'SSH_HOST_KEYS=strict accepts only host keys that were trusted before',
    },
  ],
  not_found: [
    20002,
    {
      zh: '请检查仓库地址，并确认令牌有权访问该仓库',
      en: 'check the address, and that the token may see the repository',
    },
  ],
  dns: [20003, { zh: '请检查主机名和 DNS', en: 'check the host name and the DNS of this machine' }],
  unreachable: [
    20004,
    {
      zh: '请检查服务器是否运行、端口与防火墙',
      en: 'check that the server is up and that a firewall lets this machine through',
    },
  ],
  stalled: [
    20004,
    {
      zh: '服务器长时间没有传输数据；可调大 SYNC_IDLE_TIMEOUT',
      en: 'the server stopped sending; raise SYNC_IDLE_TIMEOUT if it is merely slow',
    },
  ],
  timed_out: [
    20004,
    { zh: '超过了 SYNC_TIMEOUT 的总时限', en: 'the sync took longer than SYNC_TIMEOUT allows' },
  ],
  tls: [
    20012,
    {
      zh: '请检查服务器证书是否有效且受本机信任',
      en: 'check that the certificate of the server is valid and trusted by this machine',
    },
  ],
  auth: [
    20005,
    {
      zh: '请更新令牌：PUT /cerobot/sync/repo/{repo_name}/repo_addr',
      en: 'set a valid token: PUT /cerobot/sync/repo/{repo_name}/repo_addr with inter_token or exter_token',
    },
  ],
  redirected: [
    20002,
    {
      zh: '服务器要求跳转，仓库可能已改名；请改用新地址（可能需要 .git 后缀）',
      en: 'the server redirects, the repository may have been renamed: use its new address (perhaps with .git)',
    },
  ],
  rate_limited: [
    20004,
    { zh: '服务器限制了请求频率，稍后会自动重试', en: 'the server limits requests; it is tried again later' },
  ],
  server_error: [
    20004,
    {
      zh: '服务器暂时出错，稍后会自动重试',
      en: 'the server has a fault of its own; it is tried again later',
    },
  ],
  not_git: [
    20002,
    {
      zh: '该地址返回的不是 git 仓库（可能是登录页），请检查地址',
      en: 'the address does not answer as a git repository (a login page?): check it',
    },
  ],
  address_denied: [
    20101,
    {
      zh: '请检查 ALLOWED_HOSTS 与 DENIED_HOSTS',
      en: 'see ALLOWED_HOSTS and DENIED_HOSTS',
    },
  ],
  local_permission: [
    20006,
    { zh: '请检查 SYNC_DIR 的所有者和权限', en: 'check the owner and permissions of SYNC_DIR' },
  ],
  disk_full: [20102, { zh: '请清理 SYNC_DIR 所在磁盘', en: 'free space on the disk that holds SYNC_DIR' }],
  mirror_busy: [
    20012,
    {
      zh: '另一个 git 进程仍占用镜像，稍后会自动重试',
      en: 'another git process still holds the mirror; it is tried again later',
    },
  ],
  mirror_damaged: [
    20008,
    { zh: '本地镜像损坏，将自动重建', en: 'the local mirror is damaged and will be rebuilt' },
  ],
  ref_missing: [
    20009,
    { zh: '请检查源仓库中是否有该分支', en: 'check that the branch exists in the source repository' },
  ],
  ref_ambiguous: [
    20012,
    {
      zh: '请在目标仓库删除名称以 refs/ 开头的分支或标签，它使 git 无法区分两者',
      en: 'delete the branch or tag of the target whose own name starts with refs/: git cannot tell the two apart',
    },
  ],
  non_fast_forward: [
    20010,
    {
      zh: '两边都有新的提交；请先合并，或确认后使用 force_flag=true（会先备份被覆盖的提交）',
      en: 'the target has commits that the source lacks: merge them, or use force_flag=true (what it overwrites is backed up)',
    },
  ],
  tag_moved: [
    20010,
    {
      zh: '同名标签指向不同的对象；确认后可使用 force_flag=true',
      en: 'the tag names another object on the other side: use force_flag=true if the source is right',
    },
  ],
  unrelated: [
    20103,
    {
      zh: '请确认绑定的是同一个项目；确认后可使用 force_flag=true',
      en: 'make sure the binding names the same project on both sides; force_flag=true overrides',
    },
  ],
  moved_meanwhile: [
    20010,
    {
      zh: '同步期间目标分支又有更新，稍后会自动重试',
      en: 'the target kept moving during the sync; it is tried again later',
    },
  ],
  protected: [
    20011,
    {
      zh: '请在目标平台允许该令牌推送受保护分支',
      en: 'allow the owner of the token to push to the protected branch at the target',
    },
  ],
  hook_declined: [
    20011,
    {
      zh: '目标服务器的钩子拒绝了推送，请看服务器的说明',
      en: 'a hook of the target server declined the push: see what it says',
    },
  ],
  too_large: [
    20012,
    {
      zh: '超出了服务器或本服务的大小限制',
      en: 'it is larger than the server or this service allows',
    },
  ],
  object_format: [
    20012,
    {
      zh: '两个仓库的对象格式不同（SHA-1 与 SHA-256），无法同步',
      en: 'one repository uses SHA-1 and the other SHA-256; they cannot be synced',
    },
  ],
  bad_objects: [
    20012,
    { zh: '源仓库含有损坏或不安全的对象', en: 'the source repository holds damaged or unsafe objects' },
  ],
  deletion_conflict: [
    20010,
    {
      zh: '一侧删除了该分支，另一侧又有新的提交；请在冲突列表中选择保留哪一侧',
      en: 'one side deleted the branch while the other got commits: choose a side in the list of conflicts',
    },
  ],
  held: [
    20104,
    {
      zh: '确认无误后调用 POST /api/v1/runs/{id}/confirm；被删除或覆盖的内容会先备份',
      en: 'if that is meant, confirm it with POST /api/v1/runs/{id}/confirm; what goes away is backed up first',
    },
  ],
  backup_missing: [
    20105,
    {
      zh: '备份已过保留期或目录已被移除',
      en: 'the backup is past its retention, or its folder was removed',
    },
  ],
  canceled: [20100, { zh: '可以重新发起同步', en: 'start the sync again when wanted' }],
  unknown: [20012, { zh: '请查看同步日志', en: 'see the log of the run' }],
}

export function outcomeCode(kind: GitErrorKind): OutcomeCode {
  const [code, hint] = CODES[kind]
  return { code, message: TEXTS[code], hint }
}
