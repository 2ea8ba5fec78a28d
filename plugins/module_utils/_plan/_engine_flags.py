# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of vLLM's server, by the first of the compared releases that has them, without their dashes. Read in the source distributions. Data only."""

from __future__ import annotations

import typing as t

Version = t.Tuple[int, int, int]
Releases = t.Tuple[t.Tuple[Version, str], ...]

COMPARED: t.Tuple[Version, ...] = (
    (0, 9, 2),
    (0, 10, 2),
    (0, 11, 2),
    (0, 12, 0),
    (0, 13, 0),
    (0, 14, 1),
    (0, 16, 0),
    (0, 17, 1),
    (0, 18, 1),
    (0, 19, 1),
    (0, 20, 2),
    (0, 22, 1),
    (0, 23, 0),
    (0, 24, 0),
    (0, 25, 1),
    (0, 27, 1),
    (0, 28, 0),
    (0, 29, 0),
    (0, 30, 0),
    (0, 31, 0),
    (0, 32, 0),
    (0, 33, 0),
)

FLAGS: Releases = (
    (
        (0, 9, 2),
        (
            "additional-config allow-credentials allowed-headers allowed-local-media-path allowed-methods allowed-origins api-key block-size "
            "calculate-kv-scales chat-template chat-template-content-format code-revision collect-detailed-traces compilation-config config-format "
            "cpu-offload-gb cuda-graph-sizes data-parallel-address data-parallel-backend data-parallel-rank data-parallel-rpc-port data-parallel-size "
            "data-parallel-size-local device disable-async-output-proc disable-cascade-attn disable-chunked-mm-input disable-custom-all-reduce "
            "disable-fastapi-docs disable-frontend-multiprocessing disable-hybrid-kv-cache-manager disable-log-requests disable-log-stats "
            "disable-mm-preprocessor-cache disable-sliding-window disable-uvicorn-access-log distributed-executor-backend download-dir dtype "
            "enable-auto-tool-choice enable-chunked-prefill enable-eplb enable-expert-parallel enable-force-include-usage enable-lora enable-lora-bias "
            "enable-multimodal-encoder-data-parallel enable-prefix-caching enable-prompt-adapter enable-prompt-embeds enable-prompt-tokens-details "
            "enable-reasoning enable-request-id-headers enable-server-load-tracking enable-sleep-mode enable-ssl-refresh enforce-eager "
            "eplb-log-balancedness eplb-step-interval eplb-window-size expand-tools-even-if-tool-choice-none fully-sharded-loras generation-config "
            "gpu-memory-utilization guided-decoding-backend guided-decoding-disable-additional-properties guided-decoding-disable-any-whitespace "
            "guided-decoding-disable-fallback hf-config-path hf-overrides hf-token host ignore-patterns kv-cache-dtype kv-events-config kv-transfer-config "
            "limit-mm-per-prompt load-format log-config-file logits-processor-pattern long-lora-scaling-factors long-prefill-token-threshold lora-dtype "
            "lora-extra-vocab-size lora-modules max-cpu-loras max-log-len max-logprobs max-long-partial-prefills max-lora-rank max-loras max-model-len "
            "max-num-batched-tokens max-num-partial-prefills max-num-seqs max-parallel-loading-workers max-prompt-adapter-token max-prompt-adapters "
            "max-seq-len-to-capture media-io-kwargs middleware mm-processor-kwargs model model-impl model-loader-extra-config multi-step-stream-outputs "
            "num-gpu-blocks-override num-lookahead-slots num-redundant-experts num-scheduler-steps otlp-traces-endpoint override-attention-dtype "
            "override-generation-config override-neuron-config override-pooler-config pipeline-parallel-size port preemption-mode prefix-caching-hash-algo "
            "prompt-adapters pt-load-map-location qlora-adapter-name-or-path quantization ray-workers-use-nsight reasoning-parser response-role "
            "return-tokens-as-token-ids revision root-path rope-scaling rope-theta scheduler-cls scheduler-delay-factor scheduling-policy seed "
            "served-model-name show-hidden-metrics-for-version skip-tokenizer-init speculative-config ssl-ca-certs ssl-cert-reqs ssl-certfile ssl-keyfile "
            "swap-space task tensor-parallel-size tokenizer tokenizer-mode tokenizer-pool-extra-config tokenizer-pool-size tokenizer-pool-type "
            "tokenizer-revision tool-call-parser tool-parser-plugin trust-remote-code use-tqdm-on-load use-v2-block-manager uvicorn-log-level worker-cls "
            "worker-extension-cls"
        ),
    ),
    (
        (0, 10, 2),
        (
            "api-server-count async-scheduling config convert data-parallel-hybrid-lb data-parallel-start-rank decode-context-parallel-size "
            "default-mm-loras enable-log-outputs enable-log-requests enable-tokenizer-info-endpoint eplb-config exclude-tools-when-tool-choice-none "
            "h11-max-header-count h11-max-incomplete-event-size headless interleave-mm-strings io-processor-plugin kv-cache-memory-bytes "
            "kv-sharing-fast-prefill log-error-stack logits-processors logprobs-mode mamba-cache-dtype mamba-ssm-cache-dtype mm-encoder-tp-mode "
            "mm-processor-cache-gb runner safetensors-load-strategy skip-mm-profiling tool-server uds"
        ),
    ),
    (
        (0, 11, 2),
        (
            "aggregate-engine-logging all2all-backend allowed-media-domains cudagraph-capture-sizes data-parallel-external-lb dbo-decode-token-threshold "
            "dbo-prefill-token-threshold dcp-kv-cache-interleave-size disable-nccl-for-dp-synchronization ec-transfer-config enable-dbo enable-mm-embeds "
            "expert-placement-strategy kv-offloading-backend kv-offloading-size mamba-block-size master-addr master-port max-cudagraph-capture-size "
            "mm-encoder-attn-backend mm-processor-cache-type mm-shm-cache-max-object-size-mb nnodes node-rank pooler-config reasoning-parser-plugin "
            "stream-interval structured-outputs-config tokens-only trust-request-chat-template video-pruning-rate"
        ),
    ),
    ((0, 12, 0), "cp-kv-cache-interleave-size kv-cache-metrics kv-cache-metrics-sample optimization-level prefill-context-parallel-size"),
    ((0, 13, 0), "attention-backend attention-config cudagraph-metrics enable-layerwise-nvtx-tracing profiler-config"),
    (
        (0, 14, 1),
        (
            "allow-deprecated-quantization default-chat-template-kwargs enable-log-deltas enable-logging-iteration-details enable-mfu-metrics "
            "enable-offline-docs enable-return-routed-experts enable-tower-connector-lora ubatch-size"
        ),
    ),
    (
        (0, 16, 0),
        (
            "disable-access-log-for-endpoints enable-flashinfer-autotune kernel-config mamba-cache-mode mm-encoder-only specialize-active-lora ssl-ciphers "
            "weight-transfer-config"
        ),
    ),
    (
        (0, 17, 1),
        (
            "cpu-offload-params enable-elastic-ep fail-on-environ-validation language-model-only moe-backend offload-backend offload-group-size "
            "offload-num-in-group offload-params offload-prefetch-step performance-mode use-gpu-for-pooling-score"
        ),
    ),
    ((0, 18, 1), "dcp-comm-backend distributed-timeout-seconds enable-ep-weight-filter gdn-prefill-backend shutdown-timeout"),
    ((0, 19, 1), "kv-cache-dtype-skip-layers lora-target-modules mm-tensor-ipc reasoning-config renderer-num-workers scheduler-reserve-full-isl"),
    (
        (0, 20, 2),
        (
            "enable-flash-late-interaction enable-mamba-cache-stochastic-rounding grpc ir-op-priority mamba-backend mamba-cache-philox-rounds numa-bind "
            "numa-bind-cpus numa-bind-nodes"
        ),
    ),
    (
        (0, 22, 1),
        (
            "cpu-distributed-timeout-seconds data-parallel-multi-port-external-lb data-parallel-supervisor-port dp-supervisor-probe-failure-threshold "
            "dp-supervisor-probe-interval-s dp-supervisor-probe-timeout-s enable-cumem-allocator enable-mixed-moe-lora-format fingerprint-mode "
            "fingerprint-value linear-backend mm-encoder-attn-dtype mm-encoder-fp8-scale-path mm-encoder-fp8-scale-save-margin "
            "mm-encoder-fp8-scale-save-path quantization-config safetensors-prefetch-block-size safetensors-prefetch-num-threads spec-method spec-model "
            "spec-tokens use-fp64-gumbel"
        ),
    ),
    ((0, 24, 0), "device-ids diffusion-config jit-monitor-verbose prefill-schedule-interval watermark"),
    ((0, 25, 1), "enable-per-request-metrics jit-monitor-mode mm-ipc-gpu-memory-gb model-class-overrides"),
    (
        (0, 27, 1),
        (
            "cohere-format cohere-is-reasoning-model enable-bf16x3-router-gemm enable-fault-tolerance enable-moe-shared-loras fault-tolerance-config "
            "kda-prefill-backend mamba-ssu-algorithm max-num-scheduled-tokens mm-hasher-algorithm prefix-match-unit replayssm-buffer-len use-replayssm "
            "video-pruning-method"
        ),
    ),
    ((0, 28, 0), "ec-manager-config mm-device-do-normalize mm-processor-device return-sampling-mask"),
    (
        (0, 29, 0),
        (
            "dcp-q-replicate enable-batch-sharded-sampling enable-trace-replay max-num-queued-reqs max-num-queued-tokens per-request-spec-decode-metrics "
            "prefix-cache-retention-interval sse-keep-alive-interval"
        ),
    ),
    (
        (0, 30, 0),
        (
            "dp-sync-interval elastic-ep-max-dp-size enable-mamba-fine-grained-prefix-cache enable-nccl-comm-suspend enable-scale-out engram-config "
            "kda-decode-backend sparse-indexer-topk-backend watermark-config"
        ),
    ),
    (
        (0, 31, 0),
        (
            "anthropic-disabled-thinking-effort aux-output-config device-memory-utilization enable-mamba-shared-prefix-checkpoint log-level logging-config "
            "long-prefill-token-threshold-adaptive max-lora-cls-labels max-num-active-seqs sleep-preserve-parameter-names swa-bounded-replay "
            "tool-strict-level trust-request-mm-kwargs"
        ),
    ),
    ((0, 32, 0), "custom-histogram-buckets enable-hc-sp enable-shm-tensor-arena grpc-port sleep-mode-offload-cudagraph"),
    ((0, 33, 0), "monokernel reasoning-effort-map sleep-mode-backend watchdog-config"),
)

# Gone again, by the first compared release without them.
FLAGS_GONE: Releases = (
    (
        (0, 10, 2),
        (
            "device enable-prompt-adapter enable-reasoning expand-tools-even-if-tool-choice-none long-lora-scaling-factors max-prompt-adapter-token "
            "max-prompt-adapters multi-step-stream-outputs num-scheduler-steps override-neuron-config prompt-adapters qlora-adapter-name-or-path "
            "tokenizer-pool-extra-config tokenizer-pool-size tokenizer-pool-type use-v2-block-manager"
        ),
    ),
    ((0, 11, 2), "disable-async-output-proc enable-lora-bias max-seq-len-to-capture preemption-mode rope-scaling rope-theta scheduler-delay-factor"),
    (
        (0, 12, 0),
        (
            "eplb-log-balancedness eplb-step-interval eplb-window-size guided-decoding-backend guided-decoding-disable-additional-properties "
            "guided-decoding-disable-any-whitespace guided-decoding-disable-fallback lora-extra-vocab-size num-lookahead-slots num-redundant-experts "
            "override-pooler-config"
        ),
    ),
    ((0, 13, 0), "cuda-graph-sizes disable-mm-preprocessor-cache enable-multimodal-encoder-data-parallel task"),
    ((0, 17, 1), "disable-log-requests logits-processor-pattern"),
    ((0, 18, 1), "swap-space use-gpu-for-pooling-score"),
    ((0, 19, 1), "disable-frontend-multiprocessing"),
    ((0, 27, 1), "max-long-partial-prefills max-num-partial-prefills"),
    ((0, 28, 0), "calculate-kv-scales override-attention-dtype"),
    ((0, 30, 0), "enable-bf16x3-router-gemm"),
    ((0, 31, 0), "enable-mamba-fine-grained-prefix-cache"),
)

# Without a value; `--no-…` switches them off.
SWITCHES = frozenset(
    (
        "allow-credentials allow-deprecated-quantization async-scheduling calculate-kv-scales cohere-is-reasoning-model cudagraph-metrics "
        "data-parallel-external-lb data-parallel-hybrid-lb dcp-q-replicate disable-cascade-attn disable-chunked-mm-input disable-custom-all-reduce "
        "disable-fastapi-docs disable-hybrid-kv-cache-manager disable-mm-preprocessor-cache disable-nccl-for-dp-synchronization disable-sliding-window "
        "disable-uvicorn-access-log enable-auto-tool-choice enable-batch-sharded-sampling enable-bf16x3-router-gemm enable-chunked-prefill "
        "enable-cumem-allocator enable-dbo enable-elastic-ep enable-ep-weight-filter enable-eplb enable-expert-parallel enable-fault-tolerance "
        "enable-flash-late-interaction enable-flashinfer-autotune enable-force-include-usage enable-hc-sp enable-layerwise-nvtx-tracing enable-log-deltas "
        "enable-log-outputs enable-log-requests enable-logging-iteration-details enable-lora enable-lora-bias enable-mamba-cache-stochastic-rounding "
        "enable-mamba-fine-grained-prefix-cache enable-mamba-shared-prefix-checkpoint enable-mfu-metrics enable-mixed-moe-lora-format enable-mm-embeds "
        "enable-moe-shared-loras enable-multimodal-encoder-data-parallel enable-nccl-comm-suspend enable-offline-docs enable-per-request-metrics "
        "enable-prefix-caching enable-prompt-adapter enable-prompt-embeds enable-prompt-tokens-details enable-reasoning enable-request-id-headers "
        "enable-return-routed-experts enable-scale-out enable-server-load-tracking enable-shm-tensor-arena enable-sleep-mode enable-ssl-refresh "
        "enable-tokenizer-info-endpoint enable-tower-connector-lora enable-trace-replay enforce-eager eplb-log-balancedness "
        "exclude-tools-when-tool-choice-none fail-on-environ-validation fully-sharded-loras guided-decoding-disable-additional-properties "
        "guided-decoding-disable-any-whitespace guided-decoding-disable-fallback interleave-mm-strings jit-monitor-verbose kv-cache-metrics "
        "kv-sharing-fast-prefill language-model-only log-error-stack long-prefill-token-threshold-adaptive mm-device-do-normalize mm-encoder-only "
        "monokernel multi-step-stream-outputs numa-bind ray-workers-use-nsight return-sampling-mask return-tokens-as-token-ids scheduler-reserve-full-isl "
        "skip-mm-profiling skip-tokenizer-init sleep-mode-offload-cudagraph specialize-active-lora swa-bounded-replay tokens-only trust-remote-code "
        "trust-request-chat-template trust-request-mm-kwargs use-fp64-gumbel use-gpu-for-pooling-score use-replayssm use-tqdm-on-load"
    ).split()
)

# Without a value, and without a way to switch them off.
PLAIN_SWITCHES = frozenset(
    (
        "aggregate-engine-logging data-parallel-multi-port-external-lb disable-async-output-proc disable-frontend-multiprocessing disable-log-requests "
        "disable-log-stats expand-tools-even-if-tool-choice-none grpc headless use-v2-block-manager"
    ).split()
)

# With one value or several, as words of their own.
LISTS = frozenset(
    (
        "allowed-media-domains api-key collect-detailed-traces cpu-offload-params cuda-graph-sizes cudagraph-capture-sizes ignore-patterns "
        "kv-cache-dtype-skip-layers logits-processors lora-modules lora-target-modules numa-bind-cpus numa-bind-nodes offload-params prompt-adapters "
        "served-model-name sleep-preserve-parameter-names"
    ).split()
)

# What a flag may be set to, where that is a short list that no release changed, and where the plan sets it.
CHOICES: t.Dict[str, t.Tuple[str, ...]] = {
    "dtype": ("auto", "bfloat16", "float", "float16", "float32", "half"),
    "chat-template-content-format": ("auto", "openai", "string"),
    "expert-placement-strategy": ("linear", "round_robin"),
    "kv-offloading-backend": ("lmcache", "native"),
    "logprobs-mode": ("processed_logits", "processed_logprobs", "raw_logits", "raw_logprobs"),
    "lora-dtype": ("auto", "bfloat16", "float16"),
    "max-lora-rank": ("1", "8", "16", "32", "64", "128", "256", "320", "512"),
    "mm-encoder-tp-mode": ("data", "weights"),
    "mm-processor-cache-type": ("lru", "shm"),
    "offload-backend": ("auto", "prefetch", "uva"),
    "performance-mode": ("balanced", "interactivity", "throughput"),
    "runner": ("auto", "draft", "generate", "pooling"),
    "scheduling-policy": ("fcfs", "priority"),
    "uvicorn-log-level": ("critical", "debug", "error", "info", "trace", "warning"),
}
KV_CACHE_DTYPES: Releases = (
    ((0, 9, 2), "auto fp8 fp8_e4m3 fp8_e5m2"),
    ((0, 10, 2), "fp8_inc"),
    ((0, 11, 2), "bfloat16 fp8_ds_mla"),
    ((0, 18, 1), "float16"),
    ((0, 20, 2), "fp8_per_token_head int8_per_token_head nvfp4 turboquant_3bit_nc turboquant_4bit_nc turboquant_k3v4_nc turboquant_k8v4"),
    ((0, 25, 1), "int4_per_token_head"),
    ((0, 28, 0), "nvfp4_4over6"),
    ((0, 30, 0), "nvfp4_ds_mla"),
    ((0, 32, 0), "ultraquant_4bit"),
    ((0, 33, 0), "octave_k3v3 octave_k3v3_compact octave_k3v4"),
)

# Still taken, with a warning in the engine's log or without any effect.
DEPRECATED: Releases = (
    ((0, 9, 2), "device enable-reasoning expand-tools-even-if-tool-choice-none qlora-adapter-name-or-path use-v2-block-manager"),
    (
        (0, 10, 2),
        (
            "disable-log-requests disable-mm-preprocessor-cache enable-multimodal-encoder-data-parallel eplb-log-balancedness eplb-step-interval "
            "eplb-window-size num-redundant-experts task"
        ),
    ),
    (
        (0, 11, 2),
        (
            "cuda-graph-sizes guided-decoding-backend guided-decoding-disable-additional-properties guided-decoding-disable-any-whitespace "
            "guided-decoding-disable-fallback override-pooler-config"
        ),
    ),
    ((0, 31, 0), "log-config-file"),
    ((0, 32, 0), "disable-cascade-attn"),
    ((0, 33, 0), "ir-op-priority mamba-cache-mode"),
)

# What to write instead of a flag that is gone or will be; where nothing is named, nothing took its place.
INSTEAD: t.Dict[str, str] = {
    "calculate-kv-scales": "leave it out: the scales of an 8-bit cache come from the checkpoint",
    "cuda-graph-sizes": "write --cudagraph-capture-sizes",
    "device": "leave it out: the build decides",
    "disable-log-requests": "leave it out: requests are logged only with --enable-log-requests",
    "disable-mm-preprocessor-cache": "write --mm-processor-cache-gb: 0",
    "enable-multimodal-encoder-data-parallel": "write --mm-encoder-tp-mode: data",
    "enable-reasoning": "leave it out: --reasoning-parser alone switches it on",
    "eplb-log-balancedness": "write --eplb-config: {log_balancedness: true}",
    "eplb-step-interval": "write --eplb-config: {step_interval: …}",
    "eplb-window-size": "write --eplb-config: {window_size: …}",
    "expand-tools-even-if-tool-choice-none": "leave it out: that is so unless --exclude-tools-when-tool-choice-none is set",
    "guided-decoding-backend": "write --structured-outputs-config: {backend: …}",
    "guided-decoding-disable-additional-properties": "write --structured-outputs-config: {backend: guidance, disable_additional_properties: true}",
    "guided-decoding-disable-any-whitespace": "write --structured-outputs-config: {backend: xgrammar, disable_any_whitespace: true}",
    "guided-decoding-disable-fallback": "leave it out: a backend no longer falls back to another one",
    "log-config-file": "write --logging-config: {pylogging_config_file: …}",
    "num-redundant-experts": "write --eplb-config: {num_redundant_experts: …}",
    "override-pooler-config": "write --pooler-config",
    "rope-scaling": "write --hf-overrides: {rope_parameters: {rope_type: …, factor: …}}",
    "rope-theta": "write --hf-overrides: {rope_parameters: {rope_theta: …}}",
    "swap-space": "leave it out; --kv-offloading-size is what keeps blocks of the cache in main memory",
    "task": "write --runner, and --convert where the model has to be made into another kind",
}

# How vLLM's own documents abbreviate.
SHORT: t.Dict[str, str] = {
    "-ac": "attention-config",
    "-asc": "api-server-count",
    "-cc": "compilation-config",
    "-dcp": "decode-context-parallel-size",
    "-dp": "data-parallel-size",
    "-ep": "enable-expert-parallel",
    "-n": "nnodes",
    "-pcp": "prefill-context-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-q": "quantization",
    "-r": "node-rank",
    "-sc": "speculative-config",
    "-tp": "tensor-parallel-size",
}
