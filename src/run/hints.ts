import type { Text } from '../domain-error.ts'
import type { GitErrorKind } from '../git/git-error.ts'

/** What a person can do about each failure, and where: its cause, and its remedy. */
export const HINTS: Readonly<Record<GitErrorKind, Text>> = {
  dns: { zh: '请检查主机名和 DNS', en: 'check the host name and the DNS of this machine' },
  unreachable: {
    zh: '请检查服务器是否运行、端口与防火墙，以及 HOST_PROXY 指定的代理',
    en: 'check that the server is up, that a firewall lets this machine through, and the proxy that HOST_PROXY may name',
  },
  stalled: {
    zh: '服务器长时间没有传输数据；可调大 SYNC_IDLE_TIMEOUT',
    en: 'the server stopped sending; raise SYNC_IDLE_TIMEOUT if it is merely slow',
  },
  timed_out: {
    zh: '超过了 SYNC_TIMEOUT 的总时限；仓库很大时可调大',
    en: 'the sync took longer than SYNC_TIMEOUT allows; raise it if the repository is merely large',
  },
  rate_limited: { zh: '服务器限制了请求频率', en: 'the server limits how often it may be asked' },
  server_error: {
    zh: '服务器自身出错或正在维护',
    en: 'the server has a fault of its own, or is under maintenance',
  },
  proxy: {
    zh: '请检查 HOST_PROXY 中代理的地址、账号，以及它是否允许访问该主机',
    en: 'check the address and the login of the proxy in HOST_PROXY, and that it allows this host',
  },
  not_git: {
    zh: '该地址返回的不是 git 仓库（可能是登录页），请检查地址',
    en: 'the address does not answer as a git repository (a login page?): check it',
  },
  tls: {
    zh: '服务器证书无效、已过期或不受本机信任：请更新证书；私有 CA 请用 HOST_CA 为该主机指定',
    en: 'the certificate is invalid, expired or unknown here: renew it, or name a private authority in HOST_CA',
  },
  ssh_outdated: {
    zh: '服务器只支持已淘汰的 SSH 算法：请升级服务器、换用 ed25519 密钥，或改用 HTTPS 地址',
    en: 'the server speaks only outdated SSH algorithms: update it, use an ed25519 key, or its HTTPS address',
  },
  host_key_changed: {
    zh: '服务器的主机密钥已改变，请先确认不是中间人攻击，再删除旧密钥：DELETE /api/v1/host-keys/<主机>',
    en: 'the server shows another host key than before: make sure it is genuine, then forget the recorded one: DELETE /api/v1/host-keys/<host>',
  },
  host_key_unknown: {
    zh: 'SSH_HOST_KEYS=strict 只接受已信任的主机密钥：请通过 POST /api/v1/host-keys 核对并信任',
    en: 'SSH_HOST_KEYS=strict accepts only trusted host keys: compare and trust this one with POST /api/v1/host-keys',
  },
  redirected: {
    zh: '服务器要求跳转，仓库可能已改名：请改用新地址（可能需要 .git 后缀）',
    en: 'the server redirects, the repository may have been renamed: use its new address (perhaps with .git)',
  },
  address_denied: { zh: '请检查 ALLOWED_HOSTS 与 DENIED_HOSTS', en: 'see ALLOWED_HOSTS and DENIED_HOSTS' },

  ssh_key_rejected: {
    zh: '请在该平台添加对应的 SSH 公钥（部署密钥），并授予写权限；RSA 密钥请换成 ed25519',
    en: 'add the SSH public key to the forge as a deploy key with write access; prefer ed25519 to RSA',
  },
  auth: {
    zh: '请更新令牌：PUT /cerobot/sync/repo/{repo_name}/repo_addr',
    en: 'set a valid token: PUT /cerobot/sync/repo/{repo_name}/repo_addr with inter_token or exter_token',
  },
  sso_required: {
    zh: '请为令牌或 SSH 公钥授权组织的单点登录（GitHub：Settings > Developer settings > 令牌 > Configure SSO；GitLab：先登录群组的 SSO）',
    en: 'authorize the token or key for the single sign-on of the organization (GitHub: Settings > Developer settings > the token > Configure SSO; GitLab: log in at the SSO of the group)',
  },
  ip_refused: {
    zh: '请把本机的出口 IP 加入平台的白名单（组织或企业的安全设置）',
    en: 'add the public address of this machine to the allow list of the forge (security settings of the organization)',
  },
  blocked: {
    zh: '平台限制了该账号或仓库：请用该账号登录平台查看（条款、双重验证、密码过期、欠费、封禁）',
    en: 'the forge has blocked the account or the repository: log in there with it and see (terms, two-factor login, expired password, billing, takedown)',
  },
  not_found: {
    zh: '请检查仓库地址，并确认令牌有权访问该仓库；空缺的仓库需先在平台创建',
    en: 'check the address, and that the token may see the repository; a missing one must be created at the forge first',
  },
  forbidden: {
    zh: '登录有效，但没有权限：请给该账号写权限（开发者及以上），令牌需含写仓库权限，部署密钥需允许写入',
    en: 'the login is good, but it may not do this: give the account write access, the token the scope to write, the deploy key leave to push',
  },
  read_only: {
    zh: '仓库只读（已归档、是镜像、被锁定或冻结）：请在平台恢复为可写，或改用其他仓库',
    en: 'the repository is read-only (archived, a mirror, locked): make it writable at the forge, or bind another one',
  },
  object_format: {
    zh: '两个仓库的对象格式不同（SHA-1 与 SHA-256），无法同步：请以相同格式重新创建其中一个',
    en: 'one repository uses SHA-1 and the other SHA-256; they cannot be synced: create one of them anew in the other format',
  },

  protected: {
    zh: '请在目标平台允许该令牌推送受保护的分支或标签（仓库设置 > 分支保护 / 规则集）',
    en: 'allow the owner of the token to push to the protected branch or tag at the target (repository settings > branch protection or rulesets)',
  },
  hook_declined: {
    zh: '目标服务器的钩子或推送规则拒绝了推送：请看服务器的说明，修改源提交或放宽规则',
    en: 'a hook or push rule of the target declined the push: see what it says, then mend the commits or relax the rule',
  },
  workflow_scope: {
    zh: '推送含有 .github/workflows 下的文件：请给令牌勾选 workflow（细粒度令牌：Workflows 读写），或改用 SSH 部署密钥',
    en: 'the push touches .github/workflows: give the token the scope workflow (fine-grained: Workflows, read and write), or use an SSH deploy key',
  },
  secret_found: {
    zh: '目标平台在提交中发现了密钥：请作废该密钥并从源历史中移除；确认无害时，打开服务器给出的链接放行，或在仓库安全设置中关闭推送保护',
    en: 'the target found a secret in the commits: revoke it and remove it from the history of the source; if it is harmless, allow it by the link in the message or turn push protection off in the security settings',
  },
  email_private: {
    zh: '提交含有推送账号不公开的邮箱：请在目标平台的邮箱设置中允许（GitHub：Settings > Emails；Gitee：设置 > 邮箱管理），或改用公开邮箱提交',
    en: 'the commits show an e-mail address that the account keeps private: allow it in the e-mail settings at the target (GitHub: Settings > Emails; Gitee: 设置 > 邮箱管理), or commit with a public one',
  },
  author_refused: {
    zh: '目标平台检查提交的作者或邮箱：请放宽推送规则（GitLab：Settings > Repository > Push rules；Codeup：设置 > 推送规则），或把这些作者加为成员',
    en: 'the target checks who made the commits: relax its push rules (GitLab: Settings > Repository > Push rules; Codeup: 设置 > 推送规则), or make the authors members',
  },
  lfs_missing: {
    zh: '缺少这些提交所需的 LFS 对象：若目标缺少，请为该绑定启用 LFS；若源也没有，请从有该文件的克隆向源执行 git lfs push --all',
    en: 'an LFS object of these commits is missing: if the target lacks it, turn LFS on for the binding; if the source does, run git lfs push --all to the source from a clone that has it',
  },
  lfs_unavailable: {
    zh: '该平台没有为此仓库提供 LFS：请在平台启用，或在该绑定中关闭 LFS',
    en: 'the server offers no LFS for this repository: turn it on there, or turn LFS off for the binding',
  },
  too_large: {
    zh: '文件或推送超出了大小限制：请改用 Git LFS 或从历史中移除大文件，或请管理员放宽限制',
    en: 'a file or the push is larger than allowed: move large files to Git LFS or out of the history, or have the limit raised',
  },
  too_many_refs: {
    zh: '分支和标签过多：请在源仓库清理，或只绑定需要的分支',
    en: 'there are too many branches and tags: clean up at the source, or bind only the branches that matter',
  },
  quota_exceeded: {
    zh: '目标仓库或账号的存储空间已用完：请清理仓库，或在平台扩容',
    en: 'the storage of the target repository or account is used up: clean it up, or get more at the forge',
  },
  name_refused: {
    zh: '目标平台不接受该分支或标签名（过长、形似提交号，或不符命名规则）：请在源仓库改名，或放宽规则',
    en: 'the target does not accept this name (too long, like a commit id, or against a naming rule): rename it at the source, or relax the rule',
  },
  name_taken: {
    zh: '目标已有同名前缀的分支或标签（a 与 a/b 不能并存）：请在目标删除或改名其中一个',
    en: 'the target has a branch or tag in the way (a and a/b cannot both exist): delete or rename that one at the target',
  },
  ref_ambiguous: {
    zh: '请在目标仓库删除名称以 refs/ 开头的分支或标签，它使 git 无法区分两者',
    en: 'delete the branch or tag of the target whose own name starts with refs/: git cannot tell the two apart',
  },
  bad_objects: {
    zh: '源仓库含有损坏或不合规的对象：请用 git fsck 检查源仓库；旧历史的小瑕疵可请目标管理员放宽 fsck',
    en: 'the source repository holds damaged or malformed objects: check it with git fsck; the target may tolerate flaws of old histories by its fsck settings',
  },
  shallow: {
    zh: '源仓库是浅克隆，缺少历史：请在源仓库执行 git fetch --unshallow',
    en: 'the source is a shallow clone that lacks history: run git fetch --unshallow in it',
  },

  ref_missing: {
    zh: '请检查源仓库中是否有该分支',
    en: 'check that the branch exists in the source repository',
  },
  non_fast_forward: {
    zh: '两边都有新的提交：请合并后推送，或选择保留一侧（POST /api/v1/bindings/{name}/conflicts/{branch}/resolve；单向同步也可用 force_flag=true），被覆盖的提交会先备份',
    en: 'both sides have commits of their own: merge and push, or take one side (POST /api/v1/bindings/{name}/conflicts/{branch}/resolve; one-way syncs also know force_flag=true); what goes away is backed up',
  },
  tag_moved: {
    zh: '同名标签指向不同的对象：在冲突列表中选择一侧，或设置 tag_policy=follow',
    en: 'the tag names another object on the other side: take one side in the list of conflicts, or set tag_policy to follow',
  },
  deletion_conflict: {
    zh: '一侧删除了该分支，另一侧又有新的提交：请在冲突列表中选择保留哪一侧',
    en: 'one side deleted the branch while the other got commits: take one side in the list of conflicts',
  },
  held: {
    zh: '确认无误后调用 POST /api/v1/runs/{id}/confirm；被删除或覆盖的内容会先备份',
    en: 'if that is meant, confirm it with POST /api/v1/runs/{id}/confirm; what goes away is backed up first',
  },
  backup_missing: {
    zh: '备份已过保留期，或其目录已被移除',
    en: 'the backup is past its retention, or its folder was removed',
  },
  unrelated: {
    zh: '请确认绑定的是同一个项目；确认后可使用 force_flag=true',
    en: 'make sure the binding names the same project on both sides; force_flag=true overrides',
  },
  moved_meanwhile: {
    zh: '有人同时推送；人工决定只对当时显示的提交有效，请查看现状后重新决定',
    en: 'somebody pushed meanwhile; a decision holds for the heads that were shown, so look again and decide anew',
  },

  local_permission: {
    zh: '请检查 SYNC_DIR 的所有者和权限',
    en: 'check the owner and permissions of SYNC_DIR',
  },
  disk_full: { zh: '请清理 SYNC_DIR 所在磁盘', en: 'free space on the disk that holds SYNC_DIR' },
  out_of_memory: {
    zh: '本机内存、进程或文件句柄不足：请增加资源，或调小 SYNC_CONCURRENCY',
    en: 'this machine ran out of memory, processes or files: give it more, or lower SYNC_CONCURRENCY',
  },
  mirror_busy: { zh: '另一个 git 进程仍占用镜像', en: 'another git process still holds the mirror' },
  mirror_damaged: {
    zh: '本地镜像损坏，将自动重建',
    en: 'the local mirror is damaged and will be rebuilt',
  },
  secret_unreadable: {
    zh: '请恢复原来的 SECRET_KEY 或 secret.key，或重新设置令牌与 SSH 密钥',
    en: 'put the former SECRET_KEY or secret.key back, or set the tokens and SSH keys again',
  },
  canceled: { zh: '可以重新发起同步', en: 'start the sync again when wanted' },
  unknown: { zh: '请查看同步日志', en: 'see the log of the run' },
}
