"""Structs, unions and type names of NFSv4.1 and NFSv4.2, as the RFCs call them.

Generated from nfs4.x by nfswire/codegen.py. Do not edit.
"""

# ruff: noqa

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from nfswire.xdr import Payload


class authsys_parms(msgspec.Struct, gc=False):
    stamp: int
    machinename: bytes
    uid: int
    gid: int
    gids: list[int]


int32_t: TypeAlias = int

uint32_t: TypeAlias = int

int64_t: TypeAlias = int

uint64_t: TypeAlias = int

payload4: TypeAlias = Payload

attrlist4: TypeAlias = bytes

bitmap4: TypeAlias = int

changeid4: TypeAlias = int

clientid4: TypeAlias = int

count4: TypeAlias = int

deviceid4: TypeAlias = bytes

length4: TypeAlias = int

linktext4: TypeAlias = bytes

mode4: TypeAlias = int

nfs_cookie4: TypeAlias = int

nfs_fh4: TypeAlias = bytes

nfs_lease4: TypeAlias = int

offset4: TypeAlias = int

policy4: TypeAlias = int

qop4: TypeAlias = int

sec_oid4: TypeAlias = bytes

secret4: TypeAlias = bytes

seqid4: TypeAlias = int

sequenceid4: TypeAlias = int

sessionid4: TypeAlias = bytes

slotid4: TypeAlias = int

utf8string: TypeAlias = bytes

utf8str_cis: TypeAlias = bytes

utf8str_cs: TypeAlias = bytes

utf8str_mixed: TypeAlias = bytes

ascii_REQUIRED4: TypeAlias = bytes

component4: TypeAlias = bytes

pathname4: TypeAlias = "list[bytes]"

verifier4: TypeAlias = bytes

xattrkey4: TypeAlias = bytes

xattrvalue4: TypeAlias = bytes

gsshandle4_t: TypeAlias = bytes


class nfstime4(msgspec.Struct, gc=False):
    seconds: int
    nseconds: int


class fsid4(msgspec.Struct, gc=False):
    major: int
    minor: int


class specdata4(msgspec.Struct, gc=False):
    specdata1: int
    specdata2: int


class change_policy4(msgspec.Struct, gc=False):
    cp_major: int
    cp_minor: int


class mode_masked4(msgspec.Struct, gc=False):
    mm_value_to_set: int
    mm_mask_bits: int


class mode_umask4(msgspec.Struct, gc=False):
    mu_mode: int
    mu_umask: int


class stateid4(msgspec.Struct, gc=False):
    seqid: int
    other: bytes


class change_info4(msgspec.Struct, gc=False):
    atomic: bool
    before: int
    after: int


class fattr4(msgspec.Struct, gc=False):
    attrmask: int
    attr_vals: bytes


class netaddr4(msgspec.Struct, gc=False):
    na_r_netid: bytes
    na_r_addr: bytes


class nfs_impl_id4(msgspec.Struct, gc=False):
    nii_domain: bytes
    nii_name: bytes
    nii_date: nfstime4


class client_owner4(msgspec.Struct, gc=False):
    co_verifier: bytes
    co_ownerid: bytes


class server_owner4(msgspec.Struct, gc=False):
    so_minor_id: int
    so_major_id: bytes


class state_owner4(msgspec.Struct, gc=False):
    clientid: int
    owner: bytes


open_owner4: TypeAlias = "state_owner4"

lock_owner4: TypeAlias = "state_owner4"

nfs_ftype4: TypeAlias = int

nfsstat4: TypeAlias = int

time_how4: TypeAlias = int


class settime4(msgspec.Struct, gc=False):
    set_it: int
    time: nfstime4 | None = None


class fs_location4(msgspec.Struct, gc=False):
    server: list[bytes]
    rootpath: list[bytes]


class fs_locations4(msgspec.Struct, gc=False):
    fs_root: list[bytes]
    locations: list[fs_location4]


acetype4: TypeAlias = int

aceflag4: TypeAlias = int

acemask4: TypeAlias = int

aclflag4: TypeAlias = int


class nfsace4(msgspec.Struct, gc=False):
    type: int
    flag: int
    access_mask: int
    who: bytes


class nfsacl41(msgspec.Struct, gc=False):
    na41_flag: int
    na41_aces: list[nfsace4]


fs4_status_type: TypeAlias = int


class fs4_status(msgspec.Struct, gc=False):
    fss_absent: bool
    fss_type: int
    fss_source: bytes
    fss_current: bytes
    fss_age: int
    fss_version: nfstime4


layouttype4: TypeAlias = int


class layouthint4(msgspec.Struct, gc=False):
    loh_type: int
    loh_body: bytes


class threshold_item4(msgspec.Struct, gc=False):
    thi_layout_type: int
    thi_hintset: int
    thi_hintlist: bytes


class mdsthreshold4(msgspec.Struct, gc=False):
    mth_hints: list[threshold_item4]


class retention_get4(msgspec.Struct, gc=False):
    rg_duration: int
    rg_begin_time: list[nfstime4]


class retention_set4(msgspec.Struct, gc=False):
    rs_enable: bool
    rs_duration: list[int]


fs_charset_cap4: TypeAlias = int


class fs_locations_server4(msgspec.Struct, gc=False):
    fls_currency: int
    fls_info: bytes
    fls_server: bytes


class fs_locations_item4(msgspec.Struct, gc=False):
    fli_entries: list[fs_locations_server4]
    fli_rootpath: list[bytes]


class fs_locations_info4(msgspec.Struct, gc=False):
    fli_flags: int
    fli_valid_for: int
    fli_fs_root: list[bytes]
    fli_items: list[fs_locations_item4]


change_attr_type4: TypeAlias = int


class labelformat_spec4(msgspec.Struct, gc=False):
    lfs_lfs: int
    lfs_pi: int


class sec_label4(msgspec.Struct, gc=False):
    slai_lfs: labelformat_spec4
    slai_data: bytes


fattr4_supported_attrs: TypeAlias = int

fattr4_type: TypeAlias = int

fattr4_fh_expire_type: TypeAlias = int

fattr4_change: TypeAlias = int

fattr4_size: TypeAlias = int

fattr4_link_support: TypeAlias = bool

fattr4_symlink_support: TypeAlias = bool

fattr4_named_attr: TypeAlias = bool

fattr4_fsid: TypeAlias = "fsid4"

fattr4_unique_handles: TypeAlias = bool

fattr4_lease_time: TypeAlias = int

fattr4_rdattr_error: TypeAlias = int

fattr4_acl: TypeAlias = "list[nfsace4]"

fattr4_aclsupport: TypeAlias = int

fattr4_archive: TypeAlias = bool

fattr4_cansettime: TypeAlias = bool

fattr4_case_insensitive: TypeAlias = bool

fattr4_case_preserving: TypeAlias = bool

fattr4_chown_restricted: TypeAlias = bool

fattr4_filehandle: TypeAlias = bytes

fattr4_fileid: TypeAlias = int

fattr4_files_avail: TypeAlias = int

fattr4_files_free: TypeAlias = int

fattr4_files_total: TypeAlias = int

fattr4_fs_locations: TypeAlias = "fs_locations4"

fattr4_hidden: TypeAlias = bool

fattr4_homogeneous: TypeAlias = bool

fattr4_maxfilesize: TypeAlias = int

fattr4_maxlink: TypeAlias = int

fattr4_maxname: TypeAlias = int

fattr4_maxread: TypeAlias = int

fattr4_maxwrite: TypeAlias = int

fattr4_mimetype: TypeAlias = bytes

fattr4_mode: TypeAlias = int

fattr4_no_trunc: TypeAlias = bool

fattr4_numlinks: TypeAlias = int

fattr4_owner: TypeAlias = bytes

fattr4_owner_group: TypeAlias = bytes

fattr4_quota_avail_hard: TypeAlias = int

fattr4_quota_avail_soft: TypeAlias = int

fattr4_quota_used: TypeAlias = int

fattr4_rawdev: TypeAlias = "specdata4"

fattr4_space_avail: TypeAlias = int

fattr4_space_free: TypeAlias = int

fattr4_space_total: TypeAlias = int

fattr4_space_used: TypeAlias = int

fattr4_system: TypeAlias = bool

fattr4_time_access: TypeAlias = "nfstime4"

fattr4_time_access_set: TypeAlias = "settime4"

fattr4_time_backup: TypeAlias = "nfstime4"

fattr4_time_create: TypeAlias = "nfstime4"

fattr4_time_delta: TypeAlias = "nfstime4"

fattr4_time_metadata: TypeAlias = "nfstime4"

fattr4_time_modify: TypeAlias = "nfstime4"

fattr4_time_modify_set: TypeAlias = "settime4"

fattr4_mounted_on_fileid: TypeAlias = int

fattr4_dir_notif_delay: TypeAlias = "nfstime4"

fattr4_dirent_notif_delay: TypeAlias = "nfstime4"

fattr4_dacl: TypeAlias = "nfsacl41"

fattr4_sacl: TypeAlias = "nfsacl41"

fattr4_change_policy: TypeAlias = "change_policy4"

fattr4_fs_status: TypeAlias = "fs4_status"

fattr4_fs_layout_types: TypeAlias = "list[int]"

fattr4_layout_hint: TypeAlias = "layouthint4"

fattr4_layout_types: TypeAlias = "list[int]"

fattr4_layout_blksize: TypeAlias = int

fattr4_layout_alignment: TypeAlias = int

fattr4_fs_locations_info: TypeAlias = "fs_locations_info4"

fattr4_mdsthreshold: TypeAlias = "mdsthreshold4"

fattr4_retention_get: TypeAlias = "retention_get4"

fattr4_retention_set: TypeAlias = "retention_set4"

fattr4_retentevt_get: TypeAlias = "retention_get4"

fattr4_retentevt_set: TypeAlias = "retention_set4"

fattr4_retention_hold: TypeAlias = int

fattr4_mode_set_masked: TypeAlias = "mode_masked4"

fattr4_suppattr_exclcreat: TypeAlias = int

fattr4_fs_charset_cap: TypeAlias = int

fattr4_clone_blksize: TypeAlias = int

fattr4_space_freed: TypeAlias = int

fattr4_change_attr_type: TypeAlias = int

fattr4_sec_label: TypeAlias = "sec_label4"

fattr4_mode_umask: TypeAlias = "mode_umask4"

fattr4_xattr_support: TypeAlias = bool

layoutiomode4: TypeAlias = int


class layout_content4(msgspec.Struct, gc=False):
    loc_type: int
    loc_body: bytes


class layout4(msgspec.Struct, gc=False):
    lo_offset: int
    lo_length: int
    lo_iomode: int
    lo_content: layout_content4


class device_addr4(msgspec.Struct, gc=False):
    da_layout_type: int
    da_addr_body: bytes


class layoutupdate4(msgspec.Struct, gc=False):
    lou_type: int
    lou_body: bytes


layoutreturn_type4: TypeAlias = int


class layoutreturn_file4(msgspec.Struct, gc=False):
    lrf_offset: int
    lrf_length: int
    lrf_stateid: stateid4
    lrf_body: bytes


class layoutreturn4(msgspec.Struct, gc=False):
    lr_returntype: int
    lr_layout: layoutreturn_file4 | None = None


nfl_util4: TypeAlias = int

filelayout_hint_care4: TypeAlias = int


class nfsv4_1_file_layouthint4(msgspec.Struct, gc=False):
    nflh_care: int
    nflh_util: int
    nflh_stripe_count: int


multipath_list4: TypeAlias = "list[netaddr4]"


class nfsv4_1_file_layout_ds_addr4(msgspec.Struct, gc=False):
    nflda_stripe_indices: list[int]
    nflda_multipath_ds_list: list[list[netaddr4]]


class nfsv4_1_file_layout4(msgspec.Struct, gc=False):
    nfl_deviceid: bytes
    nfl_util: int
    nfl_first_stripe_index: int
    nfl_pattern_offset: int
    nfl_fh_list: list[bytes]


ff_flags4: TypeAlias = int


class ff_device_versions4(msgspec.Struct, gc=False):
    ffdv_version: int
    ffdv_minorversion: int
    ffdv_rsize: int
    ffdv_wsize: int
    ffdv_tightly_coupled: bool


class ff_device_addr4(msgspec.Struct, gc=False):
    ffda_netaddrs: list[netaddr4]
    ffda_versions: list[ff_device_versions4]


class ff_data_server4(msgspec.Struct, gc=False):
    ffds_deviceid: bytes
    ffds_efficiency: int
    ffds_stateid: stateid4
    ffds_fh_vers: list[bytes]
    ffds_user: bytes
    ffds_group: bytes


class ff_mirror4(msgspec.Struct, gc=False):
    ffm_data_servers: list[ff_data_server4]


class ff_layout4(msgspec.Struct, gc=False):
    ffl_stripe_unit: int
    ffl_mirrors: list[ff_mirror4]
    ffl_flags: int
    ffl_stats_collect_hint: int


nfs_opnum4: TypeAlias = int


class ACCESS4args(msgspec.Struct, gc=False):
    access: int


class ACCESS4resok(msgspec.Struct, gc=False):
    supported: int
    access: int


class ACCESS4res(msgspec.Struct, gc=False):
    status: int
    resok4: ACCESS4resok | None = None


class CLOSE4args(msgspec.Struct, gc=False):
    seqid: int
    open_stateid: stateid4


class CLOSE4res(msgspec.Struct, gc=False):
    status: int
    open_stateid: stateid4 | None = None


class COMMIT4args(msgspec.Struct, gc=False):
    offset: int
    count: int


class COMMIT4resok(msgspec.Struct, gc=False):
    writeverf: bytes


class COMMIT4res(msgspec.Struct, gc=False):
    status: int
    resok4: COMMIT4resok | None = None


class createtype4(msgspec.Struct, gc=False):
    type: int
    linkdata: bytes | None = None
    devdata: specdata4 | None = None


class CREATE4args(msgspec.Struct, gc=False):
    objtype: createtype4
    objname: bytes
    createattrs: fattr4


class CREATE4resok(msgspec.Struct, gc=False):
    cinfo: change_info4
    attrset: int


class CREATE4res(msgspec.Struct, gc=False):
    status: int
    resok4: CREATE4resok | None = None


class DELEGPURGE4args(msgspec.Struct, gc=False):
    clientid: int


class DELEGPURGE4res(msgspec.Struct, gc=False):
    status: int


class DELEGRETURN4args(msgspec.Struct, gc=False):
    deleg_stateid: stateid4


class DELEGRETURN4res(msgspec.Struct, gc=False):
    status: int


class GETATTR4args(msgspec.Struct, gc=False):
    attr_request: int


class GETATTR4resok(msgspec.Struct, gc=False):
    obj_attributes: fattr4


class GETATTR4res(msgspec.Struct, gc=False):
    status: int
    resok4: GETATTR4resok | None = None


class GETFH4resok(msgspec.Struct, gc=False):
    object: bytes


class GETFH4res(msgspec.Struct, gc=False):
    status: int
    resok4: GETFH4resok | None = None


class LINK4args(msgspec.Struct, gc=False):
    newname: bytes


class LINK4resok(msgspec.Struct, gc=False):
    cinfo: change_info4


class LINK4res(msgspec.Struct, gc=False):
    status: int
    resok4: LINK4resok | None = None


nfs_lock_type4: TypeAlias = int


class open_to_lock_owner4(msgspec.Struct, gc=False):
    open_seqid: int
    open_stateid: stateid4
    lock_seqid: int
    lock_owner: state_owner4


class exist_lock_owner4(msgspec.Struct, gc=False):
    lock_stateid: stateid4
    lock_seqid: int


class locker4(msgspec.Struct, gc=False):
    new_lock_owner: bool
    open_owner: open_to_lock_owner4 | None = None
    lock_owner: exist_lock_owner4 | None = None


class LOCK4args(msgspec.Struct, gc=False):
    locktype: int
    reclaim: bool
    offset: int
    length: int
    locker: locker4


class LOCK4denied(msgspec.Struct, gc=False):
    offset: int
    length: int
    locktype: int
    owner: state_owner4


class LOCK4resok(msgspec.Struct, gc=False):
    lock_stateid: stateid4


class LOCK4res(msgspec.Struct, gc=False):
    status: int
    resok4: LOCK4resok | None = None
    denied: LOCK4denied | None = None


class LOCKT4args(msgspec.Struct, gc=False):
    locktype: int
    offset: int
    length: int
    owner: state_owner4


class LOCKT4res(msgspec.Struct, gc=False):
    status: int
    denied: LOCK4denied | None = None


class LOCKU4args(msgspec.Struct, gc=False):
    locktype: int
    seqid: int
    lock_stateid: stateid4
    offset: int
    length: int


class LOCKU4res(msgspec.Struct, gc=False):
    status: int
    lock_stateid: stateid4 | None = None


class LOOKUP4args(msgspec.Struct, gc=False):
    objname: bytes


class LOOKUP4res(msgspec.Struct, gc=False):
    status: int


class LOOKUPP4res(msgspec.Struct, gc=False):
    status: int


class NVERIFY4args(msgspec.Struct, gc=False):
    obj_attributes: fattr4


class NVERIFY4res(msgspec.Struct, gc=False):
    status: int


createmode4: TypeAlias = int


class creatverfattr(msgspec.Struct, gc=False):
    cva_verf: bytes
    cva_attrs: fattr4


class createhow4(msgspec.Struct, gc=False):
    mode: int
    createattrs: fattr4 | None = None
    createverf: bytes | None = None
    ch_createboth: creatverfattr | None = None


opentype4: TypeAlias = int


class openflag4(msgspec.Struct, gc=False):
    opentype: int
    how: createhow4 | None = None


limit_by4: TypeAlias = int


class nfs_modified_limit4(msgspec.Struct, gc=False):
    num_blocks: int
    bytes_per_block: int


class nfs_space_limit4(msgspec.Struct, gc=False):
    limitby: int
    filesize: int | None = None
    mod_blocks: nfs_modified_limit4 | None = None


open_delegation_type4: TypeAlias = int

open_claim_type4: TypeAlias = int


class open_claim_delegate_cur4(msgspec.Struct, gc=False):
    delegate_stateid: stateid4
    file: bytes


class open_claim4(msgspec.Struct, gc=False):
    claim: int
    file: bytes | None = None
    delegate_type: int | None = None
    delegate_cur_info: open_claim_delegate_cur4 | None = None
    file_delegate_prev: bytes | None = None
    oc_delegate_stateid: stateid4 | None = None


class OPEN4args(msgspec.Struct, gc=False):
    seqid: int
    share_access: int
    share_deny: int
    owner: state_owner4
    openhow: openflag4
    claim: open_claim4


class open_read_delegation4(msgspec.Struct, gc=False):
    stateid: stateid4
    recall: bool
    permissions: nfsace4


class open_write_delegation4(msgspec.Struct, gc=False):
    stateid: stateid4
    recall: bool
    space_limit: nfs_space_limit4
    permissions: nfsace4


why_no_delegation4: TypeAlias = int


class open_none_delegation4(msgspec.Struct, gc=False):
    ond_why: int
    ond_server_will_push_deleg: bool | None = None
    ond_server_will_signal_avail: bool | None = None


class open_delegation4(msgspec.Struct, gc=False):
    delegation_type: int
    read: open_read_delegation4 | None = None
    write: open_write_delegation4 | None = None
    od_whynone: open_none_delegation4 | None = None


class OPEN4resok(msgspec.Struct, gc=False):
    stateid: stateid4
    cinfo: change_info4
    rflags: int
    attrset: int
    delegation: open_delegation4


class OPEN4res(msgspec.Struct, gc=False):
    status: int
    resok4: OPEN4resok | None = None


class OPENATTR4args(msgspec.Struct, gc=False):
    createdir: bool


class OPENATTR4res(msgspec.Struct, gc=False):
    status: int


class OPEN_DOWNGRADE4args(msgspec.Struct, gc=False):
    open_stateid: stateid4
    seqid: int
    share_access: int
    share_deny: int


class OPEN_DOWNGRADE4resok(msgspec.Struct, gc=False):
    open_stateid: stateid4


class OPEN_DOWNGRADE4res(msgspec.Struct, gc=False):
    status: int
    resok4: OPEN_DOWNGRADE4resok | None = None


class PUTFH4args(msgspec.Struct, gc=False):
    object: bytes


class PUTFH4res(msgspec.Struct, gc=False):
    status: int


class PUTPUBFH4res(msgspec.Struct, gc=False):
    status: int


class PUTROOTFH4res(msgspec.Struct, gc=False):
    status: int


class RESTOREFH4res(msgspec.Struct, gc=False):
    status: int


class SAVEFH4res(msgspec.Struct, gc=False):
    status: int


class READ4args(msgspec.Struct, gc=False):
    stateid: stateid4
    offset: int
    count: int


class READ4resok(msgspec.Struct, gc=False):
    eof: bool
    data: Payload


class READ4res(msgspec.Struct, gc=False):
    status: int
    resok4: READ4resok | None = None


class READDIR4args(msgspec.Struct, gc=False):
    cookie: int
    cookieverf: bytes
    dircount: int
    maxcount: int
    attr_request: int


class entry4(msgspec.Struct, gc=False):
    cookie: int
    name: bytes
    attrs: fattr4


class dirlist4(msgspec.Struct, gc=False):
    entries: list[entry4]
    eof: bool


class READDIR4resok(msgspec.Struct, gc=False):
    cookieverf: bytes
    reply: dirlist4


class READDIR4res(msgspec.Struct, gc=False):
    status: int
    resok4: READDIR4resok | None = None


class READLINK4resok(msgspec.Struct, gc=False):
    link: bytes


class READLINK4res(msgspec.Struct, gc=False):
    status: int
    resok4: READLINK4resok | None = None


class REMOVE4args(msgspec.Struct, gc=False):
    target: bytes


class REMOVE4resok(msgspec.Struct, gc=False):
    cinfo: change_info4


class REMOVE4res(msgspec.Struct, gc=False):
    status: int
    resok4: REMOVE4resok | None = None


class RENAME4args(msgspec.Struct, gc=False):
    oldname: bytes
    newname: bytes


class RENAME4resok(msgspec.Struct, gc=False):
    source_cinfo: change_info4
    target_cinfo: change_info4


class RENAME4res(msgspec.Struct, gc=False):
    status: int
    resok4: RENAME4resok | None = None


class SECINFO4args(msgspec.Struct, gc=False):
    name: bytes


rpc_gss_svc_t: TypeAlias = int


class rpcsec_gss_info(msgspec.Struct, gc=False):
    oid: bytes
    qop: int
    service: int


class secinfo4(msgspec.Struct, gc=False):
    flavor: int
    flavor_info: rpcsec_gss_info | None = None


SECINFO4resok: TypeAlias = "list[secinfo4]"


class SECINFO4res(msgspec.Struct, gc=False):
    status: int
    resok4: list[secinfo4] | None = None


class SETATTR4args(msgspec.Struct, gc=False):
    stateid: stateid4
    obj_attributes: fattr4


class SETATTR4res(msgspec.Struct, gc=False):
    status: int
    attrsset: int


class VERIFY4args(msgspec.Struct, gc=False):
    obj_attributes: fattr4


class VERIFY4res(msgspec.Struct, gc=False):
    status: int


stable_how4: TypeAlias = int


class WRITE4args(msgspec.Struct, gc=False):
    stateid: stateid4
    offset: int
    stable: int
    data: Payload


class WRITE4resok(msgspec.Struct, gc=False):
    count: int
    committed: int
    writeverf: bytes


class WRITE4res(msgspec.Struct, gc=False):
    status: int
    resok4: WRITE4resok | None = None


class ILLEGAL4res(msgspec.Struct, gc=False):
    status: int


class gss_cb_handles4(msgspec.Struct, gc=False):
    gcbp_service: int
    gcbp_handle_from_server: bytes
    gcbp_handle_from_client: bytes


class callback_sec_parms4(msgspec.Struct, gc=False):
    cb_secflavor: int
    cbsp_sys_cred: authsys_parms | None = None
    cbsp_gss_handles: gss_cb_handles4 | None = None


class BACKCHANNEL_CTL4args(msgspec.Struct, gc=False):
    bca_cb_program: int
    bca_sec_parms: list[callback_sec_parms4]


class BACKCHANNEL_CTL4res(msgspec.Struct, gc=False):
    bcr_status: int


channel_dir_from_client4: TypeAlias = int

channel_dir_from_server4: TypeAlias = int


class BIND_CONN_TO_SESSION4args(msgspec.Struct, gc=False):
    bctsa_sessid: bytes
    bctsa_dir: int
    bctsa_use_conn_in_rdma_mode: bool


class BIND_CONN_TO_SESSION4resok(msgspec.Struct, gc=False):
    bctsr_sessid: bytes
    bctsr_dir: int
    bctsr_use_conn_in_rdma_mode: bool


class BIND_CONN_TO_SESSION4res(msgspec.Struct, gc=False):
    bctsr_status: int
    bctsr_resok4: BIND_CONN_TO_SESSION4resok | None = None


state_protect_how4: TypeAlias = int


class state_protect_ops4(msgspec.Struct, gc=False):
    spo_must_enforce: int
    spo_must_allow: int


class ssv_sp_parms4(msgspec.Struct, gc=False):
    ssp_ops: state_protect_ops4
    ssp_hash_algs: list[bytes]
    ssp_encr_algs: list[bytes]
    ssp_window: int
    ssp_num_gss_handles: int


class state_protect4_a(msgspec.Struct, gc=False):
    spa_how: int
    spa_mach_ops: state_protect_ops4 | None = None
    spa_ssv_parms: ssv_sp_parms4 | None = None


class EXCHANGE_ID4args(msgspec.Struct, gc=False):
    eia_clientowner: client_owner4
    eia_flags: int
    eia_state_protect: state_protect4_a
    eia_client_impl_id: list[nfs_impl_id4]


class ssv_prot_info4(msgspec.Struct, gc=False):
    spi_ops: state_protect_ops4
    spi_hash_alg: int
    spi_encr_alg: int
    spi_ssv_len: int
    spi_window: int
    spi_handles: list[bytes]


class state_protect4_r(msgspec.Struct, gc=False):
    spr_how: int
    spr_mach_ops: state_protect_ops4 | None = None
    spr_ssv_info: ssv_prot_info4 | None = None


class EXCHANGE_ID4resok(msgspec.Struct, gc=False):
    eir_clientid: int
    eir_sequenceid: int
    eir_flags: int
    eir_state_protect: state_protect4_r
    eir_server_owner: server_owner4
    eir_server_scope: bytes
    eir_server_impl_id: list[nfs_impl_id4]


class EXCHANGE_ID4res(msgspec.Struct, gc=False):
    eir_status: int
    eir_resok4: EXCHANGE_ID4resok | None = None


class channel_attrs4(msgspec.Struct, gc=False):
    ca_headerpadsize: int
    ca_maxrequestsize: int
    ca_maxresponsesize: int
    ca_maxresponsesize_cached: int
    ca_maxoperations: int
    ca_maxrequests: int
    ca_rdma_ird: list[int]


class CREATE_SESSION4args(msgspec.Struct, gc=False):
    csa_clientid: int
    csa_sequence: int
    csa_flags: int
    csa_fore_chan_attrs: channel_attrs4
    csa_back_chan_attrs: channel_attrs4
    csa_cb_program: int
    csa_sec_parms: list[callback_sec_parms4]


class CREATE_SESSION4resok(msgspec.Struct, gc=False):
    csr_sessionid: bytes
    csr_sequence: int
    csr_flags: int
    csr_fore_chan_attrs: channel_attrs4
    csr_back_chan_attrs: channel_attrs4


class CREATE_SESSION4res(msgspec.Struct, gc=False):
    csr_status: int
    csr_resok4: CREATE_SESSION4resok | None = None


class DESTROY_SESSION4args(msgspec.Struct, gc=False):
    dsa_sessionid: bytes


class DESTROY_SESSION4res(msgspec.Struct, gc=False):
    dsr_status: int


class FREE_STATEID4args(msgspec.Struct, gc=False):
    fsa_stateid: stateid4


class FREE_STATEID4res(msgspec.Struct, gc=False):
    fsr_status: int


class DESTROY_CLIENTID4args(msgspec.Struct, gc=False):
    dca_clientid: int


class DESTROY_CLIENTID4res(msgspec.Struct, gc=False):
    dcr_status: int


class RECLAIM_COMPLETE4args(msgspec.Struct, gc=False):
    rca_one_fs: bool


class RECLAIM_COMPLETE4res(msgspec.Struct, gc=False):
    rcr_status: int


class SEQUENCE4args(msgspec.Struct, gc=False):
    sa_sessionid: bytes
    sa_sequenceid: int
    sa_slotid: int
    sa_highest_slotid: int
    sa_cachethis: bool


class SEQUENCE4resok(msgspec.Struct, gc=False):
    sr_sessionid: bytes
    sr_sequenceid: int
    sr_slotid: int
    sr_highest_slotid: int
    sr_target_highest_slotid: int
    sr_status_flags: int


class SEQUENCE4res(msgspec.Struct, gc=False):
    sr_status: int
    sr_resok4: SEQUENCE4resok | None = None


class SET_SSV4args(msgspec.Struct, gc=False):
    ssa_ssv: bytes
    ssa_digest: bytes


class SET_SSV4resok(msgspec.Struct, gc=False):
    ssr_digest: bytes


class SET_SSV4res(msgspec.Struct, gc=False):
    ssr_status: int
    ssr_resok4: SET_SSV4resok | None = None


class TEST_STATEID4args(msgspec.Struct, gc=False):
    ts_stateids: list[stateid4]


class TEST_STATEID4resok(msgspec.Struct, gc=False):
    tsr_status_codes: list[int]


class TEST_STATEID4res(msgspec.Struct, gc=False):
    tsr_status: int
    tsr_resok4: TEST_STATEID4resok | None = None


secinfo_style4: TypeAlias = int

SECINFO_NO_NAME4args: TypeAlias = int

SECINFO_NO_NAME4res: TypeAlias = "SECINFO4res"

attr_notice4: TypeAlias = "nfstime4"


class GET_DIR_DELEGATION4args(msgspec.Struct, gc=False):
    gdda_signal_deleg_avail: bool
    gdda_notification_types: int
    gdda_child_attr_delay: nfstime4
    gdda_dir_attr_delay: nfstime4
    gdda_child_attributes: int
    gdda_dir_attributes: int


class GET_DIR_DELEGATION4resok(msgspec.Struct, gc=False):
    gddr_cookieverf: bytes
    gddr_stateid: stateid4
    gddr_notification: int
    gddr_child_attributes: int
    gddr_dir_attributes: int


gddrnf4_status: TypeAlias = int


class GET_DIR_DELEGATION4res_non_fatal(msgspec.Struct, gc=False):
    gddrnf_status: int
    gddrnf_resok4: GET_DIR_DELEGATION4resok | None = None
    gddrnf_will_signal_deleg_avail: bool | None = None


class GET_DIR_DELEGATION4res(msgspec.Struct, gc=False):
    gddr_status: int
    gddr_res_non_fatal4: GET_DIR_DELEGATION4res_non_fatal | None = None


class deleg_claim4(msgspec.Struct, gc=False):
    dc_claim: int
    dc_delegate_type: int | None = None


class WANT_DELEGATION4args(msgspec.Struct, gc=False):
    wda_want: int
    wda_claim: deleg_claim4


class WANT_DELEGATION4res(msgspec.Struct, gc=False):
    wdr_status: int
    wdr_resok4: open_delegation4 | None = None


class GETDEVICEINFO4args(msgspec.Struct, gc=False):
    gdia_device_id: bytes
    gdia_layout_type: int
    gdia_maxcount: int
    gdia_notify_types: int


class GETDEVICEINFO4resok(msgspec.Struct, gc=False):
    gdir_device_addr: device_addr4
    gdir_notification: int


class GETDEVICEINFO4res(msgspec.Struct, gc=False):
    gdir_status: int
    gdir_resok4: GETDEVICEINFO4resok | None = None
    gdir_mincount: int | None = None


class GETDEVICELIST4args(msgspec.Struct, gc=False):
    gdla_layout_type: int
    gdla_maxdevices: int
    gdla_cookie: int
    gdla_cookieverf: bytes


class GETDEVICELIST4resok(msgspec.Struct, gc=False):
    gdlr_cookie: int
    gdlr_cookieverf: bytes
    gdlr_deviceid_list: list[bytes]
    gdlr_eof: bool


class GETDEVICELIST4res(msgspec.Struct, gc=False):
    gdlr_status: int
    gdlr_resok4: GETDEVICELIST4resok | None = None


class newtime4(msgspec.Struct, gc=False):
    nt_timechanged: bool
    nt_time: nfstime4 | None = None


class newoffset4(msgspec.Struct, gc=False):
    no_newoffset: bool
    no_offset: int | None = None


class newsize4(msgspec.Struct, gc=False):
    ns_sizechanged: bool
    ns_size: int | None = None


class LAYOUTCOMMIT4args(msgspec.Struct, gc=False):
    loca_offset: int
    loca_length: int
    loca_reclaim: bool
    loca_stateid: stateid4
    loca_last_write_offset: newoffset4
    loca_time_modify: newtime4
    loca_layoutupdate: layoutupdate4


class LAYOUTCOMMIT4resok(msgspec.Struct, gc=False):
    locr_newsize: newsize4


class LAYOUTCOMMIT4res(msgspec.Struct, gc=False):
    locr_status: int
    locr_resok4: LAYOUTCOMMIT4resok | None = None


class LAYOUTGET4args(msgspec.Struct, gc=False):
    loga_signal_layout_avail: bool
    loga_layout_type: int
    loga_iomode: int
    loga_offset: int
    loga_length: int
    loga_minlength: int
    loga_stateid: stateid4
    loga_maxcount: int


class LAYOUTGET4resok(msgspec.Struct, gc=False):
    logr_return_on_close: bool
    logr_stateid: stateid4
    logr_layout: list[layout4]


class LAYOUTGET4res(msgspec.Struct, gc=False):
    logr_status: int
    logr_resok4: LAYOUTGET4resok | None = None
    logr_will_signal_layout_avail: bool | None = None


class LAYOUTRETURN4args(msgspec.Struct, gc=False):
    lora_reclaim: bool
    lora_layout_type: int
    lora_iomode: int
    lora_layoutreturn: layoutreturn4


class layoutreturn_stateid(msgspec.Struct, gc=False):
    lrs_present: bool
    lrs_stateid: stateid4 | None = None


class LAYOUTRETURN4res(msgspec.Struct, gc=False):
    lorr_status: int
    lorr_stateid: layoutreturn_stateid | None = None


netloc_type4: TypeAlias = int


class netloc4(msgspec.Struct, gc=False):
    nl_type: int
    nl_name: bytes | None = None
    nl_url: bytes | None = None
    nl_addr: netaddr4 | None = None


class write_response4(msgspec.Struct, gc=False):
    wr_callback_id: list[stateid4]
    wr_count: int
    wr_committed: int
    wr_writeverf: bytes


data_content4: TypeAlias = int


class data4(msgspec.Struct, gc=False):
    d_offset: int
    d_data: Payload


class data_info4(msgspec.Struct, gc=False):
    di_offset: int
    di_length: int


class app_data_block4(msgspec.Struct, gc=False):
    adb_offset: int
    adb_block_size: int
    adb_block_count: int
    adb_reloff_blocknum: int
    adb_block_num: int
    adb_reloff_pattern: int
    adb_pattern: bytes


class device_error4(msgspec.Struct, gc=False):
    de_deviceid: bytes
    de_status: int
    de_opnum: int


class io_info4(msgspec.Struct, gc=False):
    ii_count: int
    ii_bytes: int


class ALLOCATE4args(msgspec.Struct, gc=False):
    aa_stateid: stateid4
    aa_offset: int
    aa_length: int


class ALLOCATE4res(msgspec.Struct, gc=False):
    ar_status: int


class DEALLOCATE4args(msgspec.Struct, gc=False):
    da_stateid: stateid4
    da_offset: int
    da_length: int


class DEALLOCATE4res(msgspec.Struct, gc=False):
    dr_status: int


class COPY4args(msgspec.Struct, gc=False):
    ca_src_stateid: stateid4
    ca_dst_stateid: stateid4
    ca_src_offset: int
    ca_dst_offset: int
    ca_count: int
    ca_consecutive: bool
    ca_synchronous: bool
    ca_source_server: list[netloc4]


class copy_requirements4(msgspec.Struct, gc=False):
    cr_consecutive: bool
    cr_synchronous: bool


class COPY4resok(msgspec.Struct, gc=False):
    cr_response: write_response4
    cr_requirements: copy_requirements4


class COPY4res(msgspec.Struct, gc=False):
    cr_status: int
    cr_resok4: COPY4resok | None = None
    cr_requirements: copy_requirements4 | None = None


class COPY_NOTIFY4args(msgspec.Struct, gc=False):
    cna_src_stateid: stateid4
    cna_destination_server: netloc4


class COPY_NOTIFY4resok(msgspec.Struct, gc=False):
    cnr_lease_time: nfstime4
    cnr_stateid: stateid4
    cnr_source_server: list[netloc4]


class COPY_NOTIFY4res(msgspec.Struct, gc=False):
    cnr_status: int
    resok4: COPY_NOTIFY4resok | None = None


class OFFLOAD_CANCEL4args(msgspec.Struct, gc=False):
    oca_stateid: stateid4


class OFFLOAD_CANCEL4res(msgspec.Struct, gc=False):
    ocr_status: int


class OFFLOAD_STATUS4args(msgspec.Struct, gc=False):
    osa_stateid: stateid4


class OFFLOAD_STATUS4resok(msgspec.Struct, gc=False):
    osr_count: int
    osr_complete: list[int]


class OFFLOAD_STATUS4res(msgspec.Struct, gc=False):
    osr_status: int
    osr_resok4: OFFLOAD_STATUS4resok | None = None


class CLONE4args(msgspec.Struct, gc=False):
    cl_src_stateid: stateid4
    cl_dst_stateid: stateid4
    cl_src_offset: int
    cl_dst_offset: int
    cl_count: int


class CLONE4res(msgspec.Struct, gc=False):
    cl_status: int


IO_ADVISE_type4: TypeAlias = int


class IO_ADVISE4args(msgspec.Struct, gc=False):
    iaa_stateid: stateid4
    iaa_offset: int
    iaa_count: int
    iaa_hints: int


class IO_ADVISE4resok(msgspec.Struct, gc=False):
    ior_hints: int


class IO_ADVISE4res(msgspec.Struct, gc=False):
    ior_status: int
    resok4: IO_ADVISE4resok | None = None


class LAYOUTERROR4args(msgspec.Struct, gc=False):
    lea_offset: int
    lea_length: int
    lea_stateid: stateid4
    lea_errors: list[device_error4]


class LAYOUTERROR4res(msgspec.Struct, gc=False):
    ler_status: int


class LAYOUTSTATS4args(msgspec.Struct, gc=False):
    lsa_offset: int
    lsa_length: int
    lsa_stateid: stateid4
    lsa_read: io_info4
    lsa_write: io_info4
    lsa_deviceid: bytes
    lsa_layoutupdate: layoutupdate4


class LAYOUTSTATS4res(msgspec.Struct, gc=False):
    lsr_status: int


class READ_PLUS4args(msgspec.Struct, gc=False):
    rpa_stateid: stateid4
    rpa_offset: int
    rpa_count: int


class read_plus_content(msgspec.Struct, gc=False):
    rpc_content: int
    rpc_data: data4 | None = None
    rpc_hole: data_info4 | None = None


class read_plus_res4(msgspec.Struct, gc=False):
    rpr_eof: bool
    rpr_contents: list[read_plus_content]


class READ_PLUS4res(msgspec.Struct, gc=False):
    rp_status: int
    rp_resok4: read_plus_res4 | None = None


class SEEK4args(msgspec.Struct, gc=False):
    sa_stateid: stateid4
    sa_offset: int
    sa_what: int


class seek_res4(msgspec.Struct, gc=False):
    sr_eof: bool
    sr_offset: int


class SEEK4res(msgspec.Struct, gc=False):
    sa_status: int
    resok4: seek_res4 | None = None


class WRITE_SAME4args(msgspec.Struct, gc=False):
    wsa_stateid: stateid4
    wsa_stable: int
    wsa_adb: app_data_block4


class WRITE_SAME4res(msgspec.Struct, gc=False):
    wsr_status: int
    resok4: write_response4 | None = None


class ff_ioerr4(msgspec.Struct, gc=False):
    ffie_offset: int
    ffie_length: int
    ffie_stateid: stateid4
    ffie_errors: list[device_error4]


class ff_io_latency4(msgspec.Struct, gc=False):
    ffil_ops_requested: int
    ffil_bytes_requested: int
    ffil_ops_completed: int
    ffil_bytes_completed: int
    ffil_bytes_not_delivered: int
    ffil_total_busy_time: nfstime4
    ffil_aggregate_completion_time: nfstime4


class ff_layoutupdate4(msgspec.Struct, gc=False):
    ffl_addr: netaddr4
    ffl_fhandle: bytes
    ffl_read: ff_io_latency4
    ffl_write: ff_io_latency4
    ffl_duration: nfstime4
    ffl_local: bool


class ff_iostats4(msgspec.Struct, gc=False):
    ffis_offset: int
    ffis_length: int
    ffis_stateid: stateid4
    ffis_read: io_info4
    ffis_write: io_info4
    ffis_deviceid: bytes
    ffis_layoutupdate: ff_layoutupdate4


class ff_layoutreturn4(msgspec.Struct, gc=False):
    fflr_ioerr_report: list[ff_ioerr4]
    fflr_iostats_report: list[ff_iostats4]


class ff_mirrors_hint(msgspec.Struct, gc=False):
    ffmc_valid: bool
    ffmc_mirrors: int | None = None


class ff_layouthint4(msgspec.Struct, gc=False):
    fflh_mirrors_hint: ff_mirrors_hint


class GETXATTR4args(msgspec.Struct, gc=False):
    gxa_name: bytes


class GETXATTR4res(msgspec.Struct, gc=False):
    gxr_status: int
    gxr_value: bytes | None = None


setxattr_option4: TypeAlias = int


class SETXATTR4args(msgspec.Struct, gc=False):
    sxa_option: int
    sxa_key: bytes
    sxa_value: bytes


class SETXATTR4res(msgspec.Struct, gc=False):
    sxr_status: int
    sxr_info: change_info4 | None = None


class LISTXATTRS4args(msgspec.Struct, gc=False):
    lxa_cookie: int
    lxa_maxcount: int


class LISTXATTRS4resok(msgspec.Struct, gc=False):
    lxr_cookie: int
    lxr_names: list[bytes]
    lxr_eof: bool


class LISTXATTRS4res(msgspec.Struct, gc=False):
    lxr_status: int
    lxr_value: LISTXATTRS4resok | None = None


class REMOVEXATTR4args(msgspec.Struct, gc=False):
    rxa_name: bytes


class REMOVEXATTR4res(msgspec.Struct, gc=False):
    rxr_status: int
    rxr_info: change_info4 | None = None


class OP_PROXY_WRITE4args(msgspec.Struct, gc=False):
    stateid: stateid4
    offset: int
    count: int
    committed: int
    writeverf: bytes


PROXY_WRITE4args: TypeAlias = "OP_PROXY_WRITE4args"

PROXY_WRITE4res: TypeAlias = "WRITE4res"


class nfs_argop4(msgspec.Struct, gc=False):
    """nfs_argop4: an operation's number and the value of its type (None where the RFC says void)."""

    argop: int
    arm: Any = None


class nfs_resop4(msgspec.Struct, gc=False):
    """nfs_resop4: an operation's number and the value of its type (None where the RFC says void)."""

    resop: int
    arm: Any = None


class COMPOUND4args(msgspec.Struct, gc=False):
    tag: bytes
    minorversion: int
    argarray: list[nfs_argop4]


class COMPOUND4res(msgspec.Struct, gc=False):
    status: int
    tag: bytes
    resarray: list[nfs_resop4]


class COMPOUND4args_head(msgspec.Struct, gc=False):
    tag: bytes
    minorversion: int
    numops: int


class COMPOUND4res_head(msgspec.Struct, gc=False):
    status: int
    tag: bytes
    numres: int


nfs_cb_opnum4: TypeAlias = int


class CB_GETATTR4args(msgspec.Struct, gc=False):
    fh: bytes
    attr_request: int


class CB_GETATTR4resok(msgspec.Struct, gc=False):
    obj_attributes: fattr4


class CB_GETATTR4res(msgspec.Struct, gc=False):
    status: int
    resok4: CB_GETATTR4resok | None = None


class CB_RECALL4args(msgspec.Struct, gc=False):
    stateid: stateid4
    truncate: bool
    fh: bytes


class CB_RECALL4res(msgspec.Struct, gc=False):
    status: int


class CB_ILLEGAL4res(msgspec.Struct, gc=False):
    status: int


layoutrecall_type4: TypeAlias = int


class layoutrecall_file4(msgspec.Struct, gc=False):
    lor_fh: bytes
    lor_offset: int
    lor_length: int
    lor_stateid: stateid4


class layoutrecall4(msgspec.Struct, gc=False):
    lor_recalltype: int
    lor_layout: layoutrecall_file4 | None = None
    lor_fsid: fsid4 | None = None


class CB_LAYOUTRECALL4args(msgspec.Struct, gc=False):
    clora_type: int
    clora_iomode: int
    clora_changed: bool
    clora_recall: layoutrecall4


class CB_LAYOUTRECALL4res(msgspec.Struct, gc=False):
    clorr_status: int


notify_type4: TypeAlias = int


class notify_entry4(msgspec.Struct, gc=False):
    ne_file: bytes
    ne_attrs: fattr4


class prev_entry4(msgspec.Struct, gc=False):
    pe_prev_entry: notify_entry4
    pe_prev_entry_cookie: int


class notify_remove4(msgspec.Struct, gc=False):
    nrm_old_entry: notify_entry4
    nrm_old_entry_cookie: int


class notify_add4(msgspec.Struct, gc=False):
    nad_old_entry: list[notify_remove4]
    nad_new_entry: notify_entry4
    nad_new_entry_cookie: list[int]
    nad_prev_entry: list[prev_entry4]
    nad_last_entry: bool


class notify_attr4(msgspec.Struct, gc=False):
    na_changed_entry: notify_entry4


class notify_rename4(msgspec.Struct, gc=False):
    nrn_old_entry: notify_remove4
    nrn_new_entry: notify_add4


class notify_verifier4(msgspec.Struct, gc=False):
    nv_old_cookieverf: bytes
    nv_new_cookieverf: bytes


notifylist4: TypeAlias = bytes


class notify4(msgspec.Struct, gc=False):
    notify_mask: int
    notify_vals: bytes


class CB_NOTIFY4args(msgspec.Struct, gc=False):
    cna_stateid: stateid4
    cna_fh: bytes
    cna_changes: list[notify4]


class CB_NOTIFY4res(msgspec.Struct, gc=False):
    cnr_status: int


class CB_PUSH_DELEG4args(msgspec.Struct, gc=False):
    cpda_fh: bytes
    cpda_delegation: open_delegation4


class CB_PUSH_DELEG4res(msgspec.Struct, gc=False):
    cpdr_status: int


class CB_RECALL_ANY4args(msgspec.Struct, gc=False):
    craa_objects_to_keep: int
    craa_type_mask: int


class CB_RECALL_ANY4res(msgspec.Struct, gc=False):
    crar_status: int


CB_RECALLABLE_OBJ_AVAIL4args: TypeAlias = "CB_RECALL_ANY4args"


class CB_RECALLABLE_OBJ_AVAIL4res(msgspec.Struct, gc=False):
    croa_status: int


class CB_RECALL_SLOT4args(msgspec.Struct, gc=False):
    rsa_target_highest_slotid: int


class CB_RECALL_SLOT4res(msgspec.Struct, gc=False):
    rsr_status: int


class referring_call4(msgspec.Struct, gc=False):
    rc_sequenceid: int
    rc_slotid: int


class referring_call_list4(msgspec.Struct, gc=False):
    rcl_sessionid: bytes
    rcl_referring_calls: list[referring_call4]


class CB_SEQUENCE4args(msgspec.Struct, gc=False):
    csa_sessionid: bytes
    csa_sequenceid: int
    csa_slotid: int
    csa_highest_slotid: int
    csa_cachethis: bool
    csa_referring_call_lists: list[referring_call_list4]


class CB_SEQUENCE4resok(msgspec.Struct, gc=False):
    csr_sessionid: bytes
    csr_sequenceid: int
    csr_slotid: int
    csr_highest_slotid: int
    csr_target_highest_slotid: int


class CB_SEQUENCE4res(msgspec.Struct, gc=False):
    csr_status: int
    csr_resok4: CB_SEQUENCE4resok | None = None


class CB_WANTS_CANCELLED4args(msgspec.Struct, gc=False):
    cwca_contended_wants_cancelled: bool
    cwca_resourced_wants_cancelled: bool


class CB_WANTS_CANCELLED4res(msgspec.Struct, gc=False):
    cwcr_status: int


class CB_NOTIFY_LOCK4args(msgspec.Struct, gc=False):
    cnla_fh: bytes
    cnla_lock_owner: state_owner4


class CB_NOTIFY_LOCK4res(msgspec.Struct, gc=False):
    cnlr_status: int


notify_deviceid_type4: TypeAlias = int


class notify_deviceid_delete4(msgspec.Struct, gc=False):
    ndd_layouttype: int
    ndd_deviceid: bytes


class notify_deviceid_change4(msgspec.Struct, gc=False):
    ndc_layouttype: int
    ndc_deviceid: bytes
    ndc_immediate: bool


class CB_NOTIFY_DEVICEID4args(msgspec.Struct, gc=False):
    cnda_changes: list[notify4]


class CB_NOTIFY_DEVICEID4res(msgspec.Struct, gc=False):
    cndr_status: int


class offload_info4(msgspec.Struct, gc=False):
    coa_status: int
    coa_resok4: write_response4 | None = None
    coa_bytes_copied: int | None = None


class CB_OFFLOAD4args(msgspec.Struct, gc=False):
    coa_fh: bytes
    coa_stateid: stateid4
    coa_offload_info: offload_info4


class CB_OFFLOAD4res(msgspec.Struct, gc=False):
    cor_status: int


class nfs_cb_argop4(msgspec.Struct, gc=False):
    """nfs_cb_argop4: an operation's number and the value of its type (None where the RFC says void)."""

    argop: int
    arm: Any = None


class nfs_cb_resop4(msgspec.Struct, gc=False):
    """nfs_cb_resop4: an operation's number and the value of its type (None where the RFC says void)."""

    resop: int
    arm: Any = None


class CB_COMPOUND4args(msgspec.Struct, gc=False):
    tag: bytes
    minorversion: int
    callback_ident: int
    argarray: list[nfs_cb_argop4]


class CB_COMPOUND4res(msgspec.Struct, gc=False):
    status: int
    tag: bytes
    resarray: list[nfs_cb_resop4]


class CB_COMPOUND4args_head(msgspec.Struct, gc=False):
    tag: bytes
    minorversion: int
    callback_ident: int
    numops: int


class CB_COMPOUND4res_head(msgspec.Struct, gc=False):
    status: int
    tag: bytes
    numres: int
