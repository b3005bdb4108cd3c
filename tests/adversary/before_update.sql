-- The ledger of 0.1.0 (schema 3), as it wrote it: for each of three protocols an order that was delivered, one that
-- ran, one whose answer was lost. What differs from place to place is in braces.
BEGIN TRANSACTION;
CREATE TABLE characters (
        profile TEXT NOT NULL,
        name TEXT NOT NULL,
        character_id TEXT NOT NULL,
        username TEXT NOT NULL,
        source_url TEXT NOT NULL,
        start REAL NOT NULL,
        "end" REAL NOT NULL,
        created_at REAL NOT NULL,
        PRIMARY KEY (profile, name)
    );
CREATE TABLE jobs (
        job_id TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        profile TEXT NOT NULL,
        provider TEXT NOT NULL,
        request TEXT NOT NULL,
        prompt TEXT NOT NULL,
        model TEXT NOT NULL,
        seconds INTEGER NOT NULL,
        state TEXT NOT NULL,
        owner TEXT,
        idempotency_key TEXT NOT NULL,
        remote_id TEXT,
        progress REAL,
        url TEXT,
        error TEXT,
        error_kind TEXT,
        folder TEXT NOT NULL,
        stem TEXT NOT NULL,
        exact_path TEXT,
        metadata TEXT,
        part_validator TEXT,
        planned_path TEXT,
        path TEXT,
        sha256 TEXT,
        bytes INTEGER,
        width INTEGER,
        height INTEGER,
        fps REAL,
        duration REAL,
        created_at REAL NOT NULL,
        sent_at REAL,
        submitted_at REAL,
        finished_at REAL,
        delivered_at REAL,
        updated_at REAL NOT NULL
    , operation TEXT NOT NULL DEFAULT 'text_to_video', result TEXT, slot INTEGER NOT NULL DEFAULT 0);
INSERT INTO "jobs" VALUES('job_c29eec91718c49629a19','v1:cf16b64b5eb8c3af4f5e2f42bede349744f2c7b487c12cd27d268c383a3472d1','openai','openai','{"operation": "text_to_video", "prompt": "an order that was delivered before the update", "model": "", "seconds": 4, "orientation": "landscape", "quality": "standard", "size": "1280x720", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was delivered before the update','',4,'delivered',NULL,'1027082c-2adf-4044-b2b3-24891d150974','video_openai1',100.0,NULL,NULL,NULL,'{OUTPUT}','sora',NULL,NULL,NULL,'{OUTPUT}/sora_00001_.mp4','{OUTPUT}/sora_00001_.mp4','{SHA256}',{BYTES},64,64,8.0,1.0,1.79567176075826191901e+09,1.79567176097249913213e+09,1.79567176101964664459e+09,1.79567176211348366742e+09,1.79567176341103529931e+09,1.79567176341103529931e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_793057106010447b8793','v1:2d4582abecbb4a6d8d068215073c8fb4e24f36792a56bdaeec51f182424bc63d','openai','openai','{"operation": "text_to_video", "prompt": "an order that was running before the update", "model": "", "seconds": 4, "orientation": "landscape", "quality": "standard", "size": "1280x720", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was running before the update','',4,'running',NULL,'7b461ef8-f4a3-47c7-b95e-395b49851133','video_openai2',10.0,NULL,NULL,NULL,'{OUTPUT}','sora',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.79567177010264182089e+09,1.79567177035614204414e+09,1.79567177042880129819e+09,NULL,NULL,1.79567177050365900988e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_a82cb7c41d0a4a8f95c9','v1:5125e2b042797f60ddab11a59c4e0a3fa3a71b7537eadcd9fc945e94a9c3ad27','openai','openai','{"operation": "text_to_video", "prompt": "an order that was unknown before the update", "model": "", "seconds": 4, "orientation": "landscape", "quality": "standard", "size": "1280x720", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was unknown before the update','',4,'unknown',NULL,'669d9f98-9377-41e9-9241-ac39efe0de54',NULL,NULL,NULL,'The request was sent and its answer was lost: POST {SERVER}/v1/videos: the connection broke (ReadError: [Errno 104] Connection reset by peer).','SubmissionUnknown','{OUTPUT}','sora',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.79567177915643358225e+09,1.79567177979429531096e+09,NULL,NULL,NULL,1.7956717798113379478e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_73ced314f2054ed3b095','v1:197ffe8374f99f5250dd51aff2248739803314d89cc2fd93571abcf5ac477b8d','shenma','shenma','{"operation": "text_to_video", "prompt": "an order that was delivered before the update", "model": "sora-2", "seconds": 10, "orientation": "landscape", "quality": "standard", "size": "", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was delivered before the update','sora-2',10,'delivered',NULL,'e92b787f-84fd-448e-a8c0-7b11c3be64db','video_shenma1',100.0,'{SERVER}/files/video_shenma1.mp4',NULL,NULL,'{OUTPUT}','sora',NULL,NULL,NULL,'{OUTPUT}/sora_00002_.mp4','{OUTPUT}/sora_00002_.mp4','{SHA256}',{BYTES},64,64,8.0,1.0,1.7956717962901916504e+09,1.79567179679893755908e+09,1.79567179701836061476e+09,1.79567179866155838966e+09,1.79567180180552744862e+09,1.79567180180552744862e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_1e11cd33c2764bf9aaec','v1:6786973f67f29e1fb682eeca9b45367d291ec677bbbd2afba718cfdf889cbd93','shenma','shenma','{"operation": "text_to_video", "prompt": "an order that was running before the update", "model": "sora-2", "seconds": 10, "orientation": "landscape", "quality": "standard", "size": "", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was running before the update','sora-2',10,'running',NULL,'f9bed52d-0cbd-4dbf-93c0-a3ecf8aaf6bb','video_shenma2',45.0,NULL,NULL,NULL,'{OUTPUT}','sora',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795671814.29158,1.79567181468065333363e+09,1.79567181470244073863e+09,NULL,NULL,1.79567181540401411051e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_938c48b158b149158628','v1:99ac9f7f15a9d46b8e5db139c791d1c6099b1a04be7100018ce1097cbc43224d','shenma','shenma','{"operation": "text_to_video", "prompt": "an order that was unknown before the update", "model": "sora-2", "seconds": 10, "orientation": "landscape", "quality": "standard", "size": "", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was unknown before the update','sora-2',10,'unknown',NULL,'c2beee86-87e2-4782-b710-b9e8f3b2fcc5',NULL,NULL,NULL,'The request was sent and its answer was lost: POST {SERVER}/v2/videos/generations: the connection broke (ReadError: [Errno 104] Connection reset by peer).','SubmissionUnknown','{OUTPUT}','sora',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.79567182193857407569e+09,1.79567182210661339765e+09,NULL,NULL,NULL,1.79567182212213754654e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_36e6746ce24d4135bd56','v1:1bc5708b26b2acf503b6f31c64f7da13f48ff53d6f8829237ecb973b21c01a3b','sora_web','sora_web','{"operation": "text_to_video", "prompt": "an order that was delivered before the update", "model": "sora2-landscape-10s", "seconds": 10, "orientation": "landscape", "quality": "standard", "size": "", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was delivered before the update','sora2-landscape-10s',10,'delivered',NULL,'fdf22d5a-de19-47c9-9d58-49c6fb978c74','video_soraweb1',100.0,'{SERVER}/backend/files/video_soraweb1.mp4',NULL,NULL,'{OUTPUT}','sora',NULL,NULL,NULL,'{OUTPUT}/sora_00003_.mp4','{OUTPUT}/sora_00003_.mp4','{SHA256}',{BYTES},64,64,8.0,1.0,1.79567182511314177512e+09,1.79567182547050762176e+09,1.79567182553342700006e+09,1.79567182662382197376e+09,1.79567182698104619979e+09,1.79567182698104619979e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_91d8538cb59c4b188afa','v1:756ef347c047f022db52d1493003efd375e3c5b630bd8b3cb9478dc9af12f364','sora_web','sora_web','{"operation": "text_to_video", "prompt": "an order that was running before the update", "model": "sora2-landscape-10s", "seconds": 10, "orientation": "landscape", "quality": "standard", "size": "", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was running before the update','sora2-landscape-10s',10,'running',NULL,'146afadf-bc5a-438e-8526-3289fd4732ec','video_soraweb2',45.0,NULL,NULL,NULL,'{OUTPUT}','sora',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.79567183102270841593e+09,1.79567183139010763171e+09,1.79567183155501866338e+09,NULL,NULL,1.79567183216156268116e+09,'text_to_video',NULL,0);
INSERT INTO "jobs" VALUES('job_59b14e4bcaaf4c5ca875','v1:710b8624d96417bd777b1c86313f9d7b05bee05e62722a4937f111d2204cbe1e','sora_web','sora_web','{"operation": "text_to_video", "prompt": "an order that was unknown before the update", "model": "sora2-landscape-10s", "seconds": 10, "orientation": "landscape", "quality": "standard", "size": "", "seed": 0, "negative_prompt": "", "style": "", "characters": [], "images": [], "image_url": "", "shots": [], "source_id": "", "source_url": "", "part": [0.0, 0.0]}','an order that was unknown before the update','sora2-landscape-10s',10,'unknown',NULL,'fe9fc46a-12dd-4c42-80b8-9504a44dd545',NULL,NULL,NULL,'The request was sent and its answer was lost: POST {SERVER}/backend/nf/create: the connection broke (ReadError: [Errno 104] Connection reset by peer).','SubmissionUnknown','{OUTPUT}','sora',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.79567184435192108153e+09,1.79567184643665909765e+09,NULL,NULL,NULL,1.79567184648411202431e+09,'text_to_video',NULL,0);
CREATE TABLE pace (profile TEXT PRIMARY KEY, next_free REAL NOT NULL, written_at REAL NOT NULL);
CREATE UNIQUE INDEX claim ON jobs (fingerprint) WHERE state NOT IN ('failed', 'canceled', 'forgotten');
CREATE INDEX by_remote_id ON jobs (profile, remote_id);
CREATE INDEX by_age ON jobs (created_at);
COMMIT;
PRAGMA user_version = 3;
