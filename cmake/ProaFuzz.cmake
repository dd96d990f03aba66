# proa_fuzz and proa_fuzz_corpus: fuzz targets, under libFuzzer and without it.
# SPDX-License-Identifier: MIT

# FUZZ_FOLDER is what the target with an HTTP server serves.
function(proa_fuzz_program target folder name)
	proa_program(${target} ${folder} ${name} ${ARGN})
	target_include_directories(${target} PRIVATE
		${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
	target_compile_definitions(${target} PRIVATE FUZZ_FOLDER="${PROJECT_SOURCE_DIR}/fuzz")
	target_link_libraries(${target} PRIVATE proa_llhttp)
endfunction()

# proa_fuzz(NAME FILE...): in the tree that ./dev fuzz builds, a program on libFuzzer; in others a
# part of the one that proa_fuzz_corpus makes of all.
function(proa_fuzz name)
	if(PROA_SANITIZE MATCHES "fuzzer")
		proa_fuzz_program(fuzz_${name} fuzz ${name} fuzz/engine.c ${ARGN})
		target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
	else()
		set_property(GLOBAL APPEND PROPERTY PROA_FUZZ_FILES ${ARGN})
	endif()
endfunction()

# Program build/tests/fuzz_corpus, and the test that gives it the corpus of fuzz/. Not in trees that
# have some of the tests only, and not where threads are what is looked at.
function(proa_fuzz_corpus)
	if(NOT PROA_TESTS OR PROA_KQUEUE_TREE OR PROA_TEST_ONLY OR PROA_SANITIZE MATCHES "thread")
		return()
	endif()
	get_property(files GLOBAL PROPERTY PROA_FUZZ_FILES)
	list(REMOVE_DUPLICATES files)
	proa_fuzz_program(fuzz_corpus tests fuzz_corpus fuzz/corpus.c ${files})
	proa_add_test(fuzz_corpus fuzz_corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus)
endfunction()
